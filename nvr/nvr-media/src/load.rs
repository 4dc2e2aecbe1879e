//! GStreamer's plugins and elements by name, without its registry: a sandboxed child neither scans nor writes one.
//!
//! Promises: an element is there or the sentence names it and the packages to install; only named plugins are loaded.
//! Leaves to others: what the elements are for (`still`, `frames`).

use crate::failure::Failure;
use gstreamer as gst;
use gstreamer::prelude::*;
use nvr_base::media_protocol::FatalCause;
use std::path::PathBuf;

pub(crate) fn unsupported(what: impl Into<String>) -> Failure {
    Failure::new(FatalCause::Unsupported, what)
}

/// Loads `plugin`, unless GStreamer knows `element` already. False: it is not installed.
pub(crate) fn load(plugin: &str, element: &str) -> bool {
    let known = || gst::ElementFactory::find(element).is_some();
    known() || (load_plugin(plugin) && known())
}

/// Loads the file of `plugin` from where GStreamer's plugins are. False: there is none.
pub(crate) fn load_plugin(plugin: &str) -> bool {
    let file = format!("libgst{plugin}.so");
    let variable = std::env::var_os("GST_PLUGIN_PATH").unwrap_or_default();
    let architecture = format!("/usr/lib/{}-linux-gnu/gstreamer-1.0", std::env::consts::ARCH);
    let standard = [&architecture, "/usr/lib64/gstreamer-1.0", "/usr/lib/gstreamer-1.0"].map(PathBuf::from);
    std::env::split_paths(&variable)
        .chain(standard)
        .any(|folder| gst::Plugin::load_file(folder.join(&file)).is_ok())
}

/// A new element.
///
/// # Errors
/// It is not installed.
pub(crate) fn make(plugin: &str, element: &str) -> Result<gst::Element, Failure> {
    let made = load(plugin, element).then(|| gst::ElementFactory::make(element).build().ok()).flatten();
    made.ok_or_else(|| {
        unsupported(format!(
            "GStreamer has no `{element}`; install gstreamer1.0-plugins-base, -good and -bad"
        ))
    })
}

/// The sink or source of a pipeline, by its type.
///
/// # Errors
/// As [`make`].
pub(crate) fn make_app<T: IsA<gst::Element>>(element: &str) -> Result<T, Failure> {
    make("app", element)?.downcast::<T>().map_err(|_| {
        unsupported(format!("`{element}` is not GStreamer's own; install gstreamer1.0-plugins-base"))
    })
}

/// What an element of `pipeline` says that failed.
pub(crate) fn error_of(pipeline: &gst::Pipeline) -> Option<String> {
    let message = pipeline.bus()?.pop_filtered(&[gst::MessageType::Error])?;
    match message.view() {
        gst::MessageView::Error(error) => Some(error.error().to_string()),
        _ => None,
    }
}
