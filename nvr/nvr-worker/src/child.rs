//! The life of a worker: take the order, sandbox, load, sandbox again, serve until told to stop.
//!
//! Promises: the order above; whatever ends it is told to the host as the last message.
//! Leaves to others: starting it and starting it again (`nvr-plugins`).

use crate::instance::Instance;
use crate::library::{Factory, Library, load_system};
use crate::ring::Ring;
use crate::{last_words, sandbox};
use nvr_base::media_protocol::bounded_text;
use nvr_plugins::channel::{Channel, ChannelError};
use nvr_plugins::protocol::{CONFIG_LEN_MAX, FromWorker, InstanceId, ToWorker, decode_to_worker};
use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

/// Longest wait for the host's order.
const ORDER_WAIT_MAX: Duration = Duration::from_secs(10);
/// Longest time the host may leave a message unread.
const SEND_WAIT_MAX: Duration = Duration::from_secs(10);
/// Most instances: rules of one situation on one box.
const INSTANCES_MAX: usize = 1024;
/// Longest load, `init` included, before this process kills itself.
const LOAD_S_MAX: u32 = 15;

/// Runs the worker on its socket to the end.
///
/// # Errors
/// Why it gave up; the host was told, if it still listens.
pub fn run(mut inbox: Channel) -> Result<(), String> {
    sandbox::ignore_stop_signals();
    let timeout = rustix::net::sockopt::Timeout::Send;
    rustix::net::sockopt::set_socket_timeout(&inbox, timeout, Some(SEND_WAIT_MAX))
        .map_err(|e| e.to_string())?;
    // The same socket for the mouths, which send while a received message is held.
    let outbox = rustix::io::dup(&inbox).map_err(|e| e.to_string())?;
    let outbox = Rc::new(Channel::from_fd(outbox));
    let result = work(&mut inbox, &outbox);
    if let Err(what) = &result {
        // The host may be gone: then nobody is left to tell.
        let _ = outbox.send(&FromWorker::Failed { what: bounded_text(what) }, None, true);
    }
    result
}

fn work(inbox: &mut Channel, outbox: &Rc<Channel>) -> Result<(), String> {
    let (library, memory_bytes_max) = match next(inbox, Some(ORDER_WAIT_MAX))? {
        Some((ToWorker::Load { library, memory_bytes_max }, None)) => (library, memory_bytes_max),
        Some(_) => return Err("the first message is no order to load".into()),
        None => return Ok(()),
    };
    sandbox::lower_priority()?;
    last_words::install()?;
    load_system();
    let mut layers = sandbox::enter(Path::new(&library), memory_bytes_max);
    sandbox::alarm(LOAD_S_MAX);
    let library = Library::load(Path::new(&library))?;
    sandbox::close(&mut layers);
    let factory = library.init()?;
    sandbox::alarm(0);
    let descriptor = Box::new(factory.descriptor.clone());
    send(outbox, &FromWorker::Ready { descriptor, layers })?;
    let mut server = Server { factory, outbox: outbox.clone(), instances: BTreeMap::new(), ring: None };
    while let Some((message, fd)) = next(inbox, None)? {
        if !server.take(message, fd)? {
            break;
        }
    }
    server.end()?;
    library.deinit();
    Ok(())
}

/// The next message; `None` when the host is gone.
fn next(inbox: &mut Channel, wait: Option<Duration>) -> Result<Option<(ToWorker, Option<OwnedFd>)>, String> {
    loop {
        match inbox.receive(wait) {
            Ok(Some(datagram)) => {
                let message = decode_to_worker(datagram.bytes).map_err(|e| e.to_string())?;
                return Ok(Some((message, datagram.fd)));
            }
            Ok(None) if wait.is_some() => return Err("no order from the host".into()),
            Ok(None) => {}
            Err(ChannelError::Closed) => return Ok(None),
            Err(e) => return Err(e.to_string()),
        }
    }
}

fn send(outbox: &Channel, message: &FromWorker) -> Result<(), String> {
    outbox.send(message, None, true).map_err(|e| e.to_string())
}

struct Server {
    factory: Factory,
    outbox: Rc<Channel>,
    instances: BTreeMap<InstanceId, Instance>,
    ring: Option<Ring>,
}

impl Server {
    /// Does what the host asks; false when it asks for the end.
    fn take(&mut self, message: ToWorker, fd: Option<OwnedFd>) -> Result<bool, String> {
        match (message, fd) {
            (ToWorker::Ring { len }, Some(fd)) => {
                // The old one first: both may be more than the address space holds.
                self.ring = None;
                self.ring = Some(Ring::map(&fd, len)?);
            }
            (ToWorker::Create { instance, config }, None) => self.create(instance, &config)?,
            (ToWorker::Process(input), None) => {
                let Some(instance) = self.instances.get_mut(&input.instance) else {
                    return Err(format!("an input for instance {}, which is not there", input.instance));
                };
                let (done, error) = instance.process(&input, self.ring.as_ref())?;
                if let Some(text) = error {
                    send(&self.outbox, &FromWorker::Log { level: 1, text: bounded_text(&text) })?;
                }
                send(&self.outbox, &FromWorker::Done(done))?;
            }
            (ToWorker::Reset { instance }, None) => {
                if let Some(instance) = self.instances.get_mut(&instance) {
                    instance.reset()?;
                }
            }
            (ToWorker::Destroy { instance }, None) => {
                if let Some(old) = self.instances.remove(&instance) {
                    old.destroy()?;
                }
                send(&self.outbox, &FromWorker::Destroyed { instance })?;
            }
            (ToWorker::Stop, None) => return Ok(false),
            (message, _) => return Err(format!("the host sent what does not fit here: {message:?}")),
        }
        Ok(true)
    }

    fn create(&mut self, id: InstanceId, config: &str) -> Result<(), String> {
        let refusal = match () {
            () if self.instances.contains_key(&id) => Some("there is an instance of this number".to_owned()),
            () if self.instances.len() >= INSTANCES_MAX => {
                Some(format!("more than {INSTANCES_MAX} instances"))
            }
            () if config.len() > CONFIG_LEN_MAX => {
                Some(format!("a rule of more than {CONFIG_LEN_MAX} bytes"))
            }
            () => None,
        };
        let made = match refusal {
            Some(why) => Err(why),
            None => Instance::create(&self.factory, id, config, &self.outbox),
        };
        let message = match made {
            Ok(instance) => {
                let needs = instance.needs().clone();
                self.instances.insert(id, instance);
                FromWorker::Created { instance: id, needs }
            }
            Err(why) => FromWorker::Refused { instance: id, why: bounded_text(&why) },
        };
        send(&self.outbox, &message)
    }

    fn end(&mut self) -> Result<(), String> {
        while let Some((id, instance)) = self.instances.pop_first() {
            instance.destroy()?;
            send(&self.outbox, &FromWorker::Destroyed { instance: id })?;
        }
        Ok(())
    }
}
