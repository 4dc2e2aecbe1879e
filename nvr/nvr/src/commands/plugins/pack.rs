//! `nvr plugins pack`: a library with the manifest that its own descriptor says, ready to drop in.
//!
//! Promises: the descriptor is asked for in the sandboxed worker; a manifest appears after its library, each by rename.
//! Leaves to others: signing (minisign), whether the host takes it (`verify`).

use crate::child::program;
use anyhow::Context;
use nvr_plugins::agreement::describe;
use nvr_plugins::catalogue::{LIBRARY_LEN_MAX, library_name};
use nvr_plugins::staging::{hash_of, read_plain};
use nvr_plugins::worker::{Launch, MEMORY_BYTES_MAX, Worker};
use std::path::{Path, PathBuf};

/// Copies `library` to `out` and writes its manifest; its id, and where the manifest is.
pub(super) fn pack(library: &Path, out: &Path, author: &str) -> anyhow::Result<(String, PathBuf)> {
    let library = library.canonicalize().with_context(|| format!("cannot open {}", library.display()))?;
    let bytes = read_plain(&library, LIBRARY_LEN_MAX)?;
    let launch = Launch {
        program: program("nvr-worker"),
        library: library.clone(),
        memory_bytes_max: MEMORY_BYTES_MAX,
    };
    let worker = Worker::start(&launch).with_context(|| format!("{} does not load", library.display()))?;
    let descriptor = worker.descriptor();
    let manifest = describe(descriptor, hash_of(&bytes), author);
    let text = manifest.to_toml().with_context(|| library.display().to_string())?;
    std::fs::create_dir_all(out).with_context(|| format!("cannot make {}", out.display()))?;
    put(&out.join(library_name(&descriptor.id)), &bytes)?;
    let path = out.join(format!("{}.toml", descriptor.id));
    put(&path, text.as_bytes())?;
    Ok((descriptor.id.clone(), path))
}

/// Writes a file beside its place, and renames it. The recorder may run under another account: everybody may read it.
fn put(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let about = || format!("cannot write {}", path.display());
    let folder = path.parent().with_context(about)?;
    let mut part = tempfile::NamedTempFile::new_in(folder).with_context(about)?;
    std::io::Write::write_all(&mut part, bytes).with_context(about)?;
    part.as_file().set_permissions(std::fs::Permissions::from_mode(0o644)).with_context(about)?;
    part.as_file().sync_all().with_context(about)?;
    part.persist(path).with_context(about)?;
    Ok(())
}
