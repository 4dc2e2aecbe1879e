//! The command line's end of the socket.
//!
//! Promises: blocking, one request at a time; a daemon that does not run is told apart from one that fails.
//! Leaves to others: showing the answer.

use crate::address;
use crate::frame::{self, Frame};
use crate::request::{Command, PROTOCOL_VERSION, Reply, ReplySink, Request, SinkClosed};
use std::io;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

/// Why a request had no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nothing listens there.
    #[error("no daemon answers on {0}")]
    NotRunning(PathBuf),
    /// The account may not open the socket.
    #[error("socket {path}: {error}; ask the administrator for access to its folder")]
    Open {
        /// Where.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The daemon's own words.
    #[error("{0}")]
    Failed(String),
    /// The connection broke.
    #[error("the daemon ended the connection before answering ({0}); see its log")]
    Broken(io::Error),
    /// The receiver of the reply failed.
    #[error(transparent)]
    Sink(SinkClosed),
}

/// A connection to the daemon.
#[derive(Debug)]
pub struct Client(UnixStream);

impl Client {
    /// Connects.
    ///
    /// # Errors
    /// [`ClientError::NotRunning`] when nothing listens, [`ClientError::Open`] else.
    pub fn connect(path: &Path) -> Result<Self, ClientError> {
        address::connect(path).map(Self).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
                ClientError::NotRunning(path.to_owned())
            }
            _ => ClientError::Open { path: path.to_owned(), error },
        })
    }

    /// Asks `command`; footage and progress go to `sink`, the answer comes back.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn ask(
        &mut self,
        command: Command,
        sink: &mut dyn ReplySink,
    ) -> Result<serde_json::Value, ClientError> {
        let request = Request { version: PROTOCOL_VERSION, command };
        let json = serde_json::to_vec(&request).map_err(|e| ClientError::Broken(e.into()))?;
        frame::write_json(&mut &self.0, &json).map_err(ClientError::Broken)?;
        let mut reader = io::BufReader::with_capacity(64 << 10, &self.0);
        loop {
            match frame::read(&mut reader).map_err(ClientError::Broken)? {
                None => return Err(ClientError::Broken(io::ErrorKind::UnexpectedEof.into())),
                Some(Frame::Chunk(bytes)) => sink.chunk(&bytes).map_err(ClientError::Sink)?,
                Some(Frame::Json(json)) => {
                    match serde_json::from_slice(&json).map_err(|e| ClientError::Broken(e.into()))? {
                        Reply::Progress { done, total } => {
                            sink.progress(done, total).map_err(ClientError::Sink)?
                        }
                        Reply::Part { index, bytes } => sink.part(index, bytes).map_err(ClientError::Sink)?,
                        Reply::Done(value) => return Ok(value),
                        Reply::Failed(why) => return Err(ClientError::Failed(why)),
                    }
                }
            }
        }
    }
}
