//! One `nvr-worker` process: started, given work, listened to, ended, reaped.
//!
//! Promises: no call waits longer than it says; a worker that hangs, lies or floods is killed; whatever ends it is one
//!   sentence; nothing it says reaches the caller unchecked against its own descriptor.
//! Leaves to others: when to start one (`generation`), what its events mean (`nvr-alerts`).

use crate::channel::{Channel, ChannelError};
use crate::ending::{Clues, Exit, sentence};
use crate::outstanding::{Counters, Outstanding};
pub use crate::process::Launch;
use crate::process::Process;
use crate::protocol::{
    Descriptor, EMITS_MAX, FromWorker, Input, InstanceId, ToWorker, check_input, decode_from_worker,
};
pub use crate::said::{Ended, Offered, Said};
use crate::vocabulary::event_name;
use nvr_base::media_protocol::Layer;
use std::collections::BTreeMap;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

/// Address space of a worker, in bytes.
pub const MEMORY_BYTES_MAX: u64 = 512 << 20;
/// Longest time from the start to `Ready`.
pub const HANDSHAKE_WAIT_MAX: Duration = Duration::from_secs(5);
/// Longest time from `Stop` to the end.
pub const STOP_WAIT_MAX: Duration = Duration::from_secs(2);
/// Longest time from a closed socket to the end of the process.
const EXIT_WAIT_MAX: Duration = Duration::from_secs(1);
/// Most messages one [`Worker::pump`] takes, so that a flood cannot hold its caller.
const MESSAGES_MAX: usize = 1024;
/// What one call may say beyond its figures: events, samples, log lines, asks.
const SAID_PER_CALL_MAX: u32 = 2 * EMITS_MAX + 32;
/// Most objects of one call of `stop` or `reset` that are ended for the plugin.
const ENDED_MAX: u32 = 1024;

/// A running worker. Dropping it kills it.
#[derive(Debug)]
pub struct Worker {
    process: Process,
    channel: Channel,
    started: Instant,
    outstanding: Outstanding,
    /// What each instance said since it was last given something.
    said: BTreeMap<InstanceId, u32>,
    /// Log lines and denials since the last answer.
    loose: u32,
    descriptor: Descriptor,
    layers: Vec<Layer>,
    clues: Clues,
    ended: Option<Ended>,
    /// By itself, with code 0, and without a complaint.
    ended_well: bool,
}

impl Worker {
    /// Starts the program and waits for its `Ready`, [`HANDSHAKE_WAIT_MAX`] at most.
    ///
    /// # Errors
    /// Why there is no worker.
    pub fn start(launch: &Launch) -> Result<Self, Ended> {
        let (process, channel) = Process::start(launch).map_err(|e| Ended(e.to_string()))?;
        let memory_bytes_max = launch.memory_bytes_max;
        let clues = Clues { memory_bytes_max, during: "while it was loaded".into(), ..Clues::default() };
        let mut worker = Self {
            process,
            channel,
            started: Instant::now(),
            outstanding: Outstanding::default(),
            said: BTreeMap::new(),
            loose: 0,
            descriptor: Descriptor::default(),
            layers: Vec::new(),
            clues,
            ended: None,
            ended_well: false,
        };
        let library = launch.library.to_string_lossy().into_owned();
        worker.tell(&ToWorker::Load { library, memory_bytes_max })?;
        worker.handshake()?;
        worker.clues.during = String::new();
        Ok(worker)
    }

    fn handshake(&mut self) -> Result<(), Ended> {
        let end = self.started + HANDSHAKE_WAIT_MAX;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            match self.receive(left)? {
                Some(FromWorker::Ready { descriptor, layers }) => {
                    self.descriptor = *descriptor;
                    self.layers = layers;
                    return Ok(());
                }
                Some(FromWorker::Denied { call }) => self.denied(call)?,
                Some(other) => return Err(self.kill(&format!("it began with {}", name_of(&other)))),
                None if left.is_zero() => {
                    let wait = HANDSHAKE_WAIT_MAX.as_secs();
                    return Err(self.kill(&format!("it was not ready after {wait} s")));
                }
                None => {}
            }
        }
    }

    /// What the plugin says it is.
    pub fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    /// Its sandbox, layer by layer.
    pub fn layers(&self) -> &[Layer] {
        &self.layers
    }

    /// What it did so far.
    pub fn counters(&self) -> &Counters {
        self.outstanding.counters()
    }

    /// Names of what the sandbox refused it.
    pub fn denied_calls(&self) -> Vec<String> {
        self.clues.denied.iter().map(|c| crate::ending::call_name(*c)).collect()
    }

    /// The process, for people and tests.
    pub fn process_id(&self) -> u32 {
        self.process.id()
    }

    /// Milliseconds since it started, the clock of its deadlines.
    pub fn now_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// True while it works on something.
    pub fn is_busy(&self) -> bool {
        !self.outstanding.is_idle()
    }

    /// Hands the frame ring over, instead of the one before: a memfd sealed against growing, shrinking and future writes.
    ///
    /// # Errors
    /// The worker is gone.
    pub fn ring(&mut self, ring: BorrowedFd<'_>, len: u64) -> Result<(), Ended> {
        let sent = self.channel.send(&ToWorker::Ring { len }, Some(ring), false);
        sent.map_err(|e| self.broken(&e))
    }

    /// Asks for an instance; the answer is [`Said::Created`] or [`Said::Refused`].
    ///
    /// # Errors
    /// The worker is gone.
    pub fn create(&mut self, instance: InstanceId, config: &str) -> Result<(), Ended> {
        self.begin(instance);
        self.tell(&ToWorker::Create { instance, config: config.to_owned() })
    }

    /// Gives an instance an input, unless its last one is not answered yet.
    ///
    /// # Errors
    /// The worker is gone.
    pub fn offer(&mut self, input: Input) -> Result<Offered, Ended> {
        let (instance, sequence) = (input.instance, input.sequence);
        if self.outstanding.is_busy(instance) {
            self.outstanding.dropped();
            return Ok(Offered::Busy);
        }
        // Ours to keep, so a breach is a fault of the caller's: the input is dropped, not the worker.
        if let Err(error) = check_input(&input) {
            tracing::error!(%error, instance, "an input was not sent");
            self.outstanding.dropped();
            return Ok(Offered::Busy);
        }
        match self.channel.send(&ToWorker::Process(Box::new(input)), None, false) {
            Ok(()) => {
                self.outstanding.sent(instance, sequence, self.now_ms());
                self.said.insert(instance, 0);
                Ok(Offered::Sent)
            }
            Err(ChannelError::WouldBlock | ChannelError::Protocol(_)) => {
                self.outstanding.dropped();
                Ok(Offered::Busy)
            }
            Err(error) => Err(self.broken(&error)),
        }
    }

    /// Gives an idle instance an input and waits for its answer: for replay and tests, where nothing is dropped. The last
    /// of what is returned is its [`Said::Done`].
    ///
    /// # Errors
    /// The worker is gone, or the input breaks a limit.
    pub fn process(&mut self, input: Input) -> Result<Vec<Said>, Ended> {
        let instance = input.instance;
        check_input(&input).map_err(|e| Ended(e.to_string()))?;
        let mut all = Vec::new();
        while self.offer(input.clone())? == Offered::Busy {
            if self.outstanding.is_idle() {
                return Err(Ended("an input is too long for a message".into()));
            }
            all.extend(self.pump(HANDSHAKE_WAIT_MAX)?);
        }
        while self.outstanding.is_busy(instance) {
            all.extend(self.pump(HANDSHAKE_WAIT_MAX)?);
        }
        Ok(all)
    }

    /// Makes an instance forget.
    ///
    /// # Errors
    /// The worker is gone.
    pub fn reset(&mut self, instance: InstanceId) -> Result<(), Ended> {
        self.said.entry(instance).and_modify(|n| *n = 0);
        self.tell(&ToWorker::Reset { instance })
    }

    /// Ends an instance; the answer is [`Said::Destroyed`]. Wait for its last input to be answered first.
    ///
    /// # Errors
    /// The worker is gone.
    pub fn destroy(&mut self, instance: InstanceId) -> Result<(), Ended> {
        self.begin(instance);
        self.tell(&ToWorker::Destroy { instance })
    }

    /// Listens for at most `wait`, less once something was said, and returns all that was.
    ///
    /// # Errors
    /// The worker is gone, for the reason given; what it said before is lost with it only if it was not pumped yet.
    pub fn pump(&mut self, wait: Duration) -> Result<Vec<Said>, Ended> {
        let mut all = Vec::new();
        let end = Instant::now() + wait;
        while all.len() < MESSAGES_MAX {
            let left =
                if all.is_empty() { end.saturating_duration_since(Instant::now()) } else { Duration::ZERO };
            let now = self.now_ms();
            let hang = self.outstanding.hang_ms();
            let until_hang = hang.map(|at| Duration::from_millis(at.saturating_sub(now)));
            let received = match self.receive(until_hang.map_or(left, |h| left.min(h))) {
                Ok(received) => received,
                // First what it said, then why it ended: the next call says it again.
                Err(_) if !all.is_empty() => return Ok(all),
                Err(ended) => return Err(ended),
            };
            match received {
                Some(message) => match self.judge(message) {
                    Ok(Some(said)) => all.push(said),
                    Ok(None) => {}
                    Err(breach) => return Err(self.kill(&breach)),
                },
                None if self.outstanding.hang_ms().is_some_and(|at| self.now_ms() >= at) => {
                    let ms = crate::outstanding::HANG_MS_MAX;
                    return Err(self.kill(&format!("it hung: no answer for {ms} ms")));
                }
                None if left.is_zero() => break,
                None => {}
            }
        }
        Ok(all)
    }

    /// Ends it in good order, [`STOP_WAIT_MAX`] at most, and returns what it said last; a worker that does not end is
    /// killed, and the reason returned.
    pub fn stop(mut self) -> (Vec<Said>, Option<Ended>) {
        let mut all = Vec::new();
        let end = Instant::now() + STOP_WAIT_MAX;
        if self.tell(&ToWorker::Stop).is_err() {
            return (all, self.ended.clone());
        }
        self.said.values_mut().for_each(|n| *n = 0);
        loop {
            let left = end.saturating_duration_since(Instant::now());
            match self.pump(left) {
                Ok(said) => all.extend(said),
                Err(_) if self.ended_well => return (all, None),
                Err(ended) => return (all, Some(ended)),
            }
            if left.is_zero() {
                let ended = self.kill("it did not stop when told to");
                return (all, Some(ended));
            }
        }
    }

    fn begin(&mut self, instance: InstanceId) {
        self.outstanding.asked(instance, self.now_ms());
        self.said.insert(instance, 0);
    }

    fn tell(&mut self, message: &ToWorker) -> Result<(), Ended> {
        match self.channel.send(message, None, false) {
            Ok(()) => Ok(()),
            Err(error) => Err(self.broken(&error)),
        }
    }

    fn receive(&mut self, wait: Duration) -> Result<Option<FromWorker>, Ended> {
        if let Some(ended) = &self.ended {
            return Err(ended.clone());
        }
        self.process.listen(&mut self.clues.stderr);
        let message = match self.channel.receive(Some(wait)) {
            Ok(None) => return Ok(None),
            Ok(Some(datagram)) if datagram.fd.is_some() => Err("it handed a descriptor over".to_owned()),
            Ok(Some(datagram)) => decode_from_worker(datagram.bytes).map_err(|e| e.to_string()),
            Err(error) => return Err(self.broken(&error)),
        };
        match message {
            Ok(FromWorker::Dying { .. } | FromWorker::Failed { .. }) if self.has_last_words() => {
                Err(self.kill("it goes on after its last words"))
            }
            // Last words: the end follows, and is found by the next look.
            Ok(FromWorker::Dying { signal, call, memory_kib }) => {
                self.clues.dying = Some((signal, call, memory_kib));
                self.receive(wait)
            }
            Ok(FromWorker::Failed { what }) => {
                self.clues.failed = Some(what);
                self.receive(wait)
            }
            Ok(message) => Ok(Some(message)),
            Err(why) => Err(self.kill(&format!("it breaks the protocol: {why}"))),
        }
    }

    fn has_last_words(&self) -> bool {
        self.clues.dying.is_some() || self.clues.failed.is_some()
    }

    /// Checks a message against what was asked and declared.
    fn judge(&mut self, message: FromWorker) -> Result<Option<Said>, String> {
        let now = self.now_ms();
        match message {
            FromWorker::Event { instance, sequence, event } => {
                self.count(instance)?;
                let declared = event_name(event.kind).is_some_and(|n| {
                    self.descriptor.emits_events && self.descriptor.event_types.iter().any(|t| t == n)
                });
                if !declared {
                    return Err(format!(
                        "it said an event of type {}, which it does not declare",
                        event.kind
                    ));
                }
                self.outstanding.counters_mut().events += 1;
                Ok(Some(Said::Event(instance, sequence, event)))
            }
            FromWorker::Sample { instance, sequence, sample } => {
                self.count(instance)?;
                self.outstanding.counters_mut().samples += 1;
                Ok(Some(Said::Sample(instance, sequence, sample)))
            }
            FromWorker::Ask { instance, model, tracks } => {
                self.count(instance)?;
                Ok(Some(Said::Ask(instance, model, tracks)))
            }
            FromWorker::Done(done) => {
                self.outstanding.done(&done, now)?;
                self.loose = 0;
                Ok(Some(Said::Done(done)))
            }
            FromWorker::Log { level, text } => {
                self.count_loose()?;
                Ok(Some(Said::Log(level, text)))
            }
            FromWorker::Denied { call } => {
                self.count_loose()?;
                self.denied(call).map_err(|e| e.0)?;
                Ok(Some(Said::Denied(crate::ending::call_name(call))))
            }
            FromWorker::Created { instance, needs } => {
                self.outstanding.answered(instance, now)?;
                Ok(Some(Said::Created(instance, needs)))
            }
            FromWorker::Refused { instance, why } => {
                self.outstanding.answered(instance, now)?;
                Ok(Some(Said::Refused(instance, why)))
            }
            FromWorker::Destroyed { instance } => {
                self.outstanding.destroyed(instance);
                if self.said.remove(&instance).is_none() {
                    return Err("it ended an instance that is not there".into());
                }
                Ok(Some(Said::Destroyed(instance)))
            }
            other @ (FromWorker::Ready { .. } | FromWorker::Dying { .. } | FromWorker::Failed { .. }) => {
                Err(format!("it said {} at the wrong time", name_of(&other)))
            }
        }
    }

    fn count(&mut self, instance: InstanceId) -> Result<(), String> {
        let Some(said) = self.said.get_mut(&instance) else {
            return Err(format!("it speaks of instance {instance}, which is not there"));
        };
        *said += 1;
        if *said > SAID_PER_CALL_MAX + ENDED_MAX { Err("it says more than its limit".into()) } else { Ok(()) }
    }

    /// What belongs to no instance.
    fn count_loose(&mut self) -> Result<(), String> {
        self.loose += 1;
        if self.loose > SAID_PER_CALL_MAX { Err("it floods the log".into()) } else { Ok(()) }
    }

    fn denied(&mut self, call: i64) -> Result<(), Ended> {
        if self.clues.denied.len() >= 64 {
            return Err(self.kill("it does nothing but forbidden system calls"));
        }
        if !self.clues.denied.contains(&call) {
            self.clues.denied.push(call);
        }
        Ok(())
    }

    /// The socket failed: usually because the process is ending.
    fn broken(&mut self, error: &ChannelError) -> Ended {
        if !matches!(error, ChannelError::Closed) {
            return self.kill(&error.to_string());
        }
        self.drain_last_words();
        if !self.process.exits_within(EXIT_WAIT_MAX) {
            return self.kill("it closed its socket and went on");
        }
        self.end()
    }

    /// A failed send comes before the last messages are read.
    fn drain_last_words(&mut self) {
        for _ in 0..MESSAGES_MAX {
            let Ok(Some(datagram)) = self.channel.receive(Some(Duration::ZERO)) else { return };
            match decode_from_worker(datagram.bytes) {
                Ok(FromWorker::Dying { signal, call, memory_kib }) => {
                    self.clues.dying = Some((signal, call, memory_kib));
                }
                Ok(FromWorker::Failed { what }) => self.clues.failed = Some(what),
                _ => {}
            }
        }
    }

    fn kill(&mut self, why: &str) -> Ended {
        if let Some(ended) = &self.ended {
            return ended.clone();
        }
        self.clues.killed_for = Some(why.to_owned());
        self.process.kill();
        self.end()
    }

    /// The process ends or has ended: reaps it and finds the words.
    fn end(&mut self) -> Ended {
        if let Some(ended) = &self.ended {
            return ended.clone();
        }
        // One that was killed may take its time to die, and how it died is known: nobody waits for it before the drop.
        let is_killed = self.clues.killed_for.is_some();
        let exit = if is_killed { Exit::Unknown } else { self.process.reap() };
        self.ended_well = exit == Exit::Code(0) && self.clues.killed_for.is_none() && !self.has_last_words();
        self.process.listen(&mut self.clues.stderr);
        let ended = Ended(sentence(exit, &self.clues));
        self.ended = Some(ended.clone());
        ended
    }
}

impl AsFd for Worker {
    /// Readable when there is something to pump.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.channel.as_fd()
    }
}

fn name_of(message: &FromWorker) -> String {
    let text = format!("{message:?}");
    text.chars().take_while(char::is_ascii_alphanumeric).collect()
}
