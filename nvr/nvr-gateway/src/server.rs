//! The daemon's end of the socket.
//!
//! Promises: a fixed number of threads serve a bounded number of clients; a client that stops reading is cut after
//! [`CLIENT_STALL_MAX`]; recording never waits for one. Leaves to others: doing the commands ([`Operations`]).

use crate::address;
use crate::frame::{self, Frame};
use crate::peer::Peer;
use crate::request::{Command, PROTOCOL_VERSION, Reply, ReplySink, Request, SinkClosed};
use crate::role::Roles;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Clients served at once: threads that accept, each with one client. Further ones wait in the listen queue.
pub const CLIENTS_MAX: usize = 8;
/// How long a client may neither read nor write while a frame is under way.
pub const CLIENT_STALL_MAX: Duration = Duration::from_secs(20);
/// How long a client may keep a connection open between two requests.
pub const CLIENT_IDLE_MAX: Duration = Duration::from_secs(60);

/// How long commands under way may take to end when the daemon does.
pub const STOP_WAIT_MAX: Duration = Duration::from_secs(2);

/// What a daemon does for its clients.
pub trait Operations: Send + Sync {
    /// Runs `command` for `peer`, telling `sink` on the way.
    ///
    /// # Errors
    /// A sentence that names the thing and the remedy.
    fn run(
        &self,
        peer: &Peer,
        command: Command,
        sink: &mut dyn ReplySink,
    ) -> Result<serde_json::Value, String>;
    /// Who may do what, now.
    fn roles(&self) -> Roles;
}

/// Why the socket could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// Another daemon answers there.
    #[error("socket {0} is answered by a running daemon; stop it first, or choose another `[server] socket`")]
    Busy(PathBuf),
    /// The file system refused.
    #[error("socket {path}: {error}; check that its folder exists and that this account may write there")]
    Open {
        /// Where.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
}

/// The open socket and its threads.
#[derive(Debug)]
pub struct Server {
    path: PathBuf,
    closing: Arc<AtomicBool>,
    open: Arc<Mutex<Vec<(u64, UnixStream)>>>,
    threads: Vec<JoinHandle<()>>,
}

impl Server {
    /// Opens `path` (mode 0666: the peer's account decides, not the file) and serves it.
    ///
    /// # Errors
    /// [`ServerError`].
    pub fn start(path: &Path, operations: Arc<dyn Operations>) -> Result<Self, ServerError> {
        let open_error = |error| ServerError::Open { path: path.to_owned(), error };
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(open_error)?; // by default the storage, which is made at the first start
        }
        match address::connect(path) {
            Ok(_) => return Err(ServerError::Busy(path.to_owned())),
            Err(e) if e.kind() == io::ErrorKind::ConnectionRefused => {
                std::fs::remove_file(path).map_err(open_error)?; // left by a daemon that was killed
            }
            Err(_) => {}
        }
        let listener = address::bind(path).map_err(open_error)?;
        std::fs::set_permissions(path, PermissionsExt::from_mode(0o666)).map_err(open_error)?;
        let closing = Arc::new(AtomicBool::new(false));
        let open = Arc::new(Mutex::new(Vec::new()));
        let next = Arc::new(AtomicU64::new(0));
        let mut server = Self { path: path.to_owned(), closing, open, threads: Vec::new() };
        for n in 0..CLIENTS_MAX {
            let listener = listener.try_clone().map_err(open_error)?;
            let (closing, open, next) = (server.closing.clone(), server.open.clone(), next.clone());
            let operations = operations.clone();
            let thread = std::thread::Builder::new()
                .name(format!("gateway-{n}"))
                .stack_size(512 << 10)
                .spawn(move || accept(&listener, &closing, &open, &next, operations.as_ref()))
                .map_err(open_error)?;
            server.threads.push(thread);
        }
        Ok(server)
    }

    /// Takes the socket's name away; for a daemon that ends before it began.
    pub fn unlink(&self) {
        let _ = std::fs::remove_file(&self.path);
    }

    /// Closes the socket, cuts the clients and ends the threads.
    pub fn stop(mut self) {
        self.closing.store(true, Ordering::SeqCst);
        for (_, client) in self.open.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            let _ = client.shutdown(std::net::Shutdown::Both);
        }
        for _ in &self.threads {
            let _ = address::connect(&self.path); // wakes one accept
        }
        // A command that does not notice its client's end is left behind: the process is about to end.
        let deadline = Instant::now() + STOP_WAIT_MAX;
        while self.threads.iter().any(|t| !t.is_finished()) && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(5));
        }
        for thread in self.threads.drain(..).filter(JoinHandle::is_finished) {
            let _ = thread.join();
        }
        let _ = std::fs::remove_file(&self.path);
    }
}

fn accept(
    listener: &UnixListener,
    closing: &AtomicBool,
    open: &Mutex<Vec<(u64, UnixStream)>>,
    next: &AtomicU64,
    operations: &dyn Operations,
) {
    loop {
        let accepted = listener.accept();
        if closing.load(Ordering::SeqCst) {
            return;
        }
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "gateway: accept");
                std::thread::sleep(Duration::from_millis(100)); // out of descriptors: do not spin
                continue;
            }
        };
        let number = next.fetch_add(1, Ordering::Relaxed);
        if let Ok(copy) = stream.try_clone() {
            open.lock().unwrap_or_else(PoisonError::into_inner).push((number, copy));
        }
        let served = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| serve(&stream, operations)));
        match served {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(%error, "gateway: client left"),
            Err(_) => tracing::error!("gateway: a command panicked; the client was cut, the daemon goes on"),
        }
        open.lock().unwrap_or_else(PoisonError::into_inner).retain(|(n, _)| *n != number);
    }
}

fn serve(stream: &UnixStream, operations: &dyn Operations) -> io::Result<()> {
    let peer = Peer::of(stream)?;
    stream.set_write_timeout(Some(CLIENT_STALL_MAX))?;
    let mut reader = stream;
    loop {
        stream.set_read_timeout(Some(CLIENT_IDLE_MAX))?;
        let Some(Frame::Json(json)) = frame::read(&mut reader)? else {
            return Ok(());
        };
        let mut sink = SocketSink(BufWriter::with_capacity(64 << 10, stream));
        let outcome = answer(&peer, &json, operations, &mut sink);
        let reply = outcome.map_or_else(Reply::Failed, Reply::Done);
        sink.reply(&reply).map_err(|SinkClosed(e)| e)?;
    }
}

fn answer(
    peer: &Peer,
    json: &[u8],
    operations: &dyn Operations,
    sink: &mut dyn ReplySink,
) -> Result<serde_json::Value, String> {
    let version = serde_json::from_slice::<serde_json::Value>(json)
        .ok()
        .and_then(|v| v.get("version").and_then(serde_json::Value::as_u64));
    if version != Some(u64::from(PROTOCOL_VERSION)) {
        return Err(format!(
            "this daemon speaks version {PROTOCOL_VERSION} of the socket protocol, the client another; \
             use the `nvr` of the same release"
        ));
    }
    let request: Request =
        serde_json::from_slice(json).map_err(|e| format!("request not understood: {e}"))?;
    operations.roles().may(peer, &request.command)?;
    match request.command {
        Command::Status {} | Command::Timeline { .. } | Command::Alerts { .. } => {}
        Command::Counts { .. } | Command::Blind { .. } => {}
        // Who did what, until the ledger keeps it.
        _ => tracing::info!(account = %peer.account, command = ?request.command, "asked"),
    }
    operations.run(peer, request.command, sink)
}

struct SocketSink<'a>(BufWriter<&'a UnixStream>);

impl SocketSink<'_> {
    fn reply(&mut self, reply: &Reply) -> Result<(), SinkClosed> {
        let json = serde_json::to_vec(reply).map_err(io::Error::other)?;
        frame::write_json(&mut self.0, &json)?;
        Ok(self.0.flush()?)
    }
}

impl ReplySink for SocketSink<'_> {
    fn progress(&mut self, done: u64, total: u64) -> Result<(), SinkClosed> {
        self.reply(&Reply::Progress { done, total })
    }

    fn part(&mut self, index: u32, bytes: u64) -> Result<(), SinkClosed> {
        self.reply(&Reply::Part { index, bytes })
    }

    fn chunk(&mut self, bytes: &[u8]) -> Result<(), SinkClosed> {
        Ok(frame::write_chunks(&mut self.0, bytes)?)
    }
}
