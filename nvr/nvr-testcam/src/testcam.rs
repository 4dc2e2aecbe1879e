//! Handle of running fake cameras.
//!
//! Promises: served from `start` until `stop` or drop, in one thread of their own.
//! Leaves to others: serving (`server`).

use crate::auth::Guard;
use crate::config::TestcamConfig;
use crate::dialogue::{Site, StreamInfo};
use crate::error::TestcamError;
use crate::quirk::Quirk;
use crate::sdp;
use crate::server::{Command, Server};
use crate::stats::Stats;
use std::collections::HashMap;
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// How long the thread may take to answer.
const ANSWER_S_MAX: u64 = 10;

/// Running fake cameras.
///
/// ```
/// use nvr_testcam::{Testcam, TestcamConfig};
/// let cams = Testcam::start(TestcamConfig::synthetic(200))?;
/// assert_eq!(cams.url(0), format!("rtsp://{}/cam0", cams.addr()));
/// assert_eq!(cams.stop()?.frames, 0);
/// # Ok::<(), nvr_testcam::TestcamError>(())
/// ```
#[derive(Debug)]
pub struct Testcam {
    addr: SocketAddr,
    urls: Vec<String>,
    commands: SyncSender<Command>,
    wake: UnixStream,
    thread: Option<JoinHandle<Stats>>,
}

impl Testcam {
    /// Reads the files, opens the port and serves.
    ///
    /// # Errors
    /// When a file cannot be read or served, the configuration contradicts itself, or the port is taken.
    pub fn start(config: TestcamConfig) -> Result<Self, TestcamError> {
        let kinds = config.load()?;
        let listener = listen(config.port)?;
        let system = |step| move |source| TestcamError::System { step, source };
        let addr = listener.local_addr().map_err(system("getsockname"))?;
        let udp = udp_pair().map_err(system("opening UDP sockets"))?;
        let ports = |s: &UdpSocket| s.local_addr().map(|a| a.port()).map_err(system("getsockname"));
        let udp_ports = (ports(&udp.0)?, ports(&udp.1)?);
        let mut streams = Vec::new();
        for camera in 0..config.count as usize {
            for (tracks, suffix) in kinds.iter().zip(["", "/sub"]) {
                let name = format!("cam{camera}{suffix}");
                let sdp = sdp::describe(&name, tracks, &config.quirks);
                streams.push(StreamInfo { name, camera, tracks: tracks.len(), sdp });
            }
        }
        let urls = streams.iter().map(|s| format!("rtsp://{addr}/{}", s.name)).collect();
        let lock = config.quirks.iter().find_map(|q| match q {
            Quirk::AuthLock(s) => Some(Duration::from_secs(u64::from(*s))),
            _ => None,
        });
        let always = config.quirks.contains(&Quirk::AlwaysUnauthorized);
        let nonce =
            format!("{:032x}", fastrand::Rng::with_seed(config.seed ^ u64::from(addr.port())).u128(..));
        let site = Site {
            by_name: streams.iter().enumerate().map(|(i, s)| (s.name.clone(), i)).collect(),
            streams,
            quirks: config.quirks.clone(),
            guard: Guard::new(config.credentials.clone(), always, lock, nonce),
            udp_ports,
            sessions: HashMap::new(),
        };
        let (commands, receiver) = sync_channel(16);
        let (wake, woken) = UnixStream::pair().map_err(system("socketpair"))?;
        woken.set_nonblocking(true).map_err(system("fcntl"))?;
        wake.set_nonblocking(true).map_err(system("fcntl"))?;
        let server = Server::new(&config, kinds, site, udp, listener, woken, receiver)?;
        let thread = std::thread::Builder::new()
            .name("testcam".into())
            .spawn(move || server.run())
            .map_err(system("starting a thread"))?;
        Ok(Self { addr, urls, commands, wake, thread: Some(thread) })
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Address of camera `n`'s main stream.
    pub fn url(&self, n: u32) -> String {
        format!("rtsp://{}/cam{n}", self.addr)
    }

    /// Addresses of all streams.
    pub fn urls(&self) -> &[String] {
        &self.urls
    }

    /// Counters now.
    ///
    /// # Errors
    /// When the serving thread is gone or does not answer.
    pub fn stats(&self) -> Result<Stats, TestcamError> {
        let ended = |why: &str| TestcamError::Ended(why.to_owned());
        let (reply, answer) = sync_channel(1);
        self.command(Command::Stats(reply))?;
        answer.recv_timeout(Duration::from_secs(ANSWER_S_MAX)).map_err(|_| ended("no answer"))
    }

    /// Ends all sessions and returns the final counters.
    ///
    /// # Errors
    /// When the serving thread ended by itself.
    pub fn stop(mut self) -> Result<Stats, TestcamError> {
        // A thread that is gone already shows in the join.
        let _ = self.command(Command::Stop);
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(stats)) => Ok(stats),
            _ => Err(TestcamError::Ended("the serving thread panicked".into())),
        }
    }

    fn command(&self, command: Command) -> Result<(), TestcamError> {
        self.commands.try_send(command).map_err(|e| TestcamError::Ended(e.to_string()))?;
        match (&self.wake).write(&[1]) {
            // A full pipe wakes the thread all the same.
            Err(e) if e.kind() != std::io::ErrorKind::WouldBlock => Err(TestcamError::Ended(e.to_string())),
            _ => Ok(()),
        }
    }
}

impl Drop for Testcam {
    fn drop(&mut self) {
        if let Some(thread) = self.thread.take() {
            let _ = self.command(Command::Stop);
            let _ = thread.join();
        }
    }
}

fn listen(port: u16) -> Result<TcpListener, TestcamError> {
    let open = || {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
        listener.set_nonblocking(true)?;
        // The standard library's backlog of 128 is too short for hundreds of clients at once.
        rustix::net::listen(&listener, 4096)?;
        Ok(listener)
    };
    open().map_err(|source| TestcamError::Listen { port, source })
}

/// Two free UDP ports, the second after the first where the system gives such a pair.
fn udp_pair() -> std::io::Result<(UdpSocket, UdpSocket)> {
    const TRIES_MAX: usize = 32;
    let open = |port| {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, port))?;
        socket.set_nonblocking(true)?;
        rustix::net::sockopt::set_socket_send_buffer_size(&socket, 4 << 20)?;
        Ok::<_, std::io::Error>(socket)
    };
    for _ in 0..TRIES_MAX {
        let first = open(0)?;
        let port = first.local_addr()?.port();
        if port % 2 == 0
            && let Some(Ok(second)) = port.checked_add(1).map(open)
        {
            return Ok((first, second));
        }
    }
    Ok((open(0)?, open(0)?))
}
