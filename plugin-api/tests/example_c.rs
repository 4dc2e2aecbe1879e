//! The example in C: built as an author would build it, loaded, run on a scripted scene.
//!
//! Promises: the header alone is enough to write a detector; fails when there is no C compiler.
//! Leaves to others: the sandbox (`nvr-worker`).

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)] // a test that cannot go on fails
#![allow(unsafe_code, reason = "loads a library")]

mod c;

use nvr_plugin_api::abi;
use nvr_plugin_api::host::{Plugin, PluginError};
use nvr_plugin_api::testkit::{Script, play};
use std::path::Path;

/// Builds a source and hands over its entry; the library stays loaded during `then`.
fn with_library<T>(source: &Path, then: impl FnOnce(*const abi::Entry) -> T) -> T {
    let dir = tempfile::tempdir().unwrap();
    let library = dir.path().join("libexample.so");
    c::cc(&["-shared", "-fPIC", "-Wpedantic"], source, &library);
    // SAFETY: the library is the one just built; it has no constructors.
    let library = unsafe { libloading::Library::new(&library) }.unwrap();
    // SAFETY: the header says what the symbol is.
    let entry = unsafe { library.get::<*const abi::Entry>(abi::ENTRY_SYMBOL.as_bytes()) }.unwrap();
    then(*entry)
}

#[test]
fn line_touch() {
    with_library(&c::own("examples/line_touch.c"), |entry| {
        // SAFETY: the library is loaded until this closure returns.
        let plugin = unsafe { Plugin::open(entry) }.unwrap();
        assert_eq!((plugin.about().id.as_str(), plugin.about().version.as_str()), ("line-touch", "0.1.0"));
        let mut instance = plugin.create("{}").unwrap();
        assert_eq!(instance.needs(), &plugin.about().needs);
        let script = Script::new(9.0)
            .person(1, &[(0.0, 0.3, 0.305), (4.0, 0.3, 0.705), (9.0, 0.3, 0.705)])
            .person(2, &[(3.0, 0.7, 0.405), (5.0, 0.7, 0.605)])
            .person(3, &[(0.0, 0.5, 0.8), (3.0, 0.5, 0.2)])
            .person(4, &[(0.0, 0.9, 0.7), (9.0, 0.9, 0.7)]);
        let lines = play(&mut instance, &script).unwrap();
        let expected = [
            "2.0 begin line-crossed #1 direction=forward",
            "4.0 begin line-crossed #2 direction=forward",
            "5.0 end line-crossed #1 2.0..2.0",
            "5.1 end line-crossed #2 4.0..4.0",
        ];
        assert_eq!(lines, expected);
        drop(instance);
        plugin.close();
    });
}

/// A library that lies: what must be refused before anything of it is called.
fn refused(entry: &str, expected: &PluginError) {
    let dir = tempfile::tempdir().unwrap();
    let source = dir.path().join("lies.c");
    let functions = "static nvr_status_t init(nvr_buf_t *e) { (void)e; return NVR_OK; }\n\
                     static const void *none(nvr_str_t id) { (void)id; return 0; }\n";
    let text = format!(
        "#include \"nvr_plugin.h\"\n{functions}\
        const void *use(void); const void *use(void) {{ return init(0) ? none((nvr_str_t){{ 0, 0 }}) : 0; }}\n\
        const nvr_plugin_entry_t nvr_plugin_entry = {entry};\n"
    );
    std::fs::write(&source, text).unwrap();
    with_library(&source, |entry| {
        // SAFETY: the library is loaded until this closure returns.
        let opened = unsafe { Plugin::open(entry) };
        assert_eq!(opened.map(drop).unwrap_err(), *expected);
    });
}

#[test]
fn lies_are_seen_before_they_are_called() {
    refused("{ 9, 0, 0, 0, 0 }", &PluginError::Version { major: 9, minor: 0 });
    refused("{ 0, 7, init, 0, none }", &PluginError::Version { major: 0, minor: 7 });
    refused("{ 0, 1, 0, 0, none }", &PluginError::Contract("a function of the entry is null"));
    refused("{ 0, 1, init, 0, none }", &PluginError::Contract("no factory nvr.detector/1"));
}
