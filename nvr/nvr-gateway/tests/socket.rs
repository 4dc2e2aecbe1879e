//! Client and server over a real socket.

#![allow(clippy::panic)] // on purpose: a command that panics

use nvr_gateway::{Client, ClientError, Command, Operations, Peer, ReplySink, Roles, Server, SinkClosed};
use std::sync::Arc;

struct Echo;

impl Operations for Echo {
    fn run(
        &self,
        peer: &Peer,
        command: Command,
        sink: &mut dyn ReplySink,
    ) -> Result<serde_json::Value, String> {
        match command {
            Command::Status {} => Ok(serde_json::json!({ "uid": peer.uid })),
            Command::Verify {} => {
                sink.part(0, 600_000).map_err(|e| e.to_string())?;
                sink.chunk(&vec![7; 600_000]).map_err(|e| e.to_string())?;
                sink.progress(1, 1).map_err(|e| e.to_string())?;
                Ok(serde_json::Value::Null)
            }
            Command::Rebuild {} => panic!("on purpose"),
            _ => Err("not here".into()),
        }
    }

    fn roles(&self) -> Roles {
        Roles::new(
            Peer::own().uid,
            nvr_base::config::Server {
                socket: "/run/nvr.sock".into(),
                socket_is_default: true,
                roles: Default::default(),
            },
        )
    }
}

#[derive(Default)]
struct Seen {
    bytes: usize,
    parts: Vec<u64>,
    progress: u64,
}

impl ReplySink for Seen {
    fn progress(&mut self, done: u64, _: u64) -> Result<(), SinkClosed> {
        self.progress = done;
        Ok(())
    }
    fn part(&mut self, _: u32, bytes: u64) -> Result<(), SinkClosed> {
        self.parts.push(bytes);
        Ok(())
    }
    fn chunk(&mut self, bytes: &[u8]) -> Result<(), SinkClosed> {
        self.bytes += bytes.len();
        Ok(())
    }
}

#[test]
fn answers_streams_survives_a_panic_and_stops() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("nvr.sock");
    assert!(matches!(Client::connect(&path), Err(ClientError::NotRunning(_))));
    let server = Server::start(&path, Arc::new(Echo)).unwrap();
    assert!(Server::start(&path, Arc::new(Echo)).is_err(), "one daemon a socket");

    let mut seen = Seen::default();
    let mut client = Client::connect(&path).unwrap();
    let uid = client.ask(Command::Status {}, &mut seen).unwrap();
    assert_eq!(uid["uid"], Peer::own().uid);
    client.ask(Command::Verify {}, &mut seen).unwrap();
    assert_eq!((seen.bytes, seen.parts, seen.progress), (600_000, vec![600_000], 1));
    let mut seen = Seen::default();
    assert!(matches!(client.ask(Command::Locks {}, &mut seen), Err(ClientError::Failed(_))));
    assert!(matches!(client.ask(Command::Rebuild {}, &mut seen), Err(ClientError::Broken(_))));
    let mut client = Client::connect(&path).unwrap();
    assert!(client.ask(Command::Status {}, &mut seen).is_ok(), "the daemon goes on");
    server.stop();
    assert!(!path.exists());
}

#[test]
fn a_socket_left_by_a_killed_daemon_is_taken_over() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("nvr.sock");
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    Server::start(&path, Arc::new(Echo)).unwrap().stop();
}
