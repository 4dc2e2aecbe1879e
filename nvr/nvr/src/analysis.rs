//! The analysis inside `nvr serve`: from samples and rules to what plugins say.
//!
//! ```text
//! session ─▶ Tap ─▶ store (first)
//!             └─bounded samples─▶ feeder ─▶ Line ─▶ nvr-perceive ─frames─▶ turn ◀─▶ nvr-worker, one a plugin
//!                                                                          ▲ │
//!                          plugins folder ─▶ plugins (host thread) ─orders─┘ └─▶ Sayings
//! ```
//!
//! Promises: recording never waits for any of it; three threads, whatever the number of cameras, and none before the first
//!   rule; changed settings are taken over while cameras are recorded.
//! Leaves to others: alerts and the journal (`sayings`), which rules may be armed (its settings say).

mod bell;
mod feeder;
mod line;
mod perceive;
mod plugins;
mod settings;
mod state;
mod supervision;
mod tap;
mod turn;

pub(crate) use settings::{Numbers, Settings};

use crate::sayings::Sayings;
use anyhow::Context;
use bell::Bell;
use nvr_base::blind::BlindReason;
use nvr_base::{Clock, SampleSink, StreamId};
use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use tap::Taps;
use turn::{Command, Parts, Turn};

/// A handle of the analysis.
#[derive(Debug)]
pub(crate) struct Analysis {
    taps: Arc<Taps>,
    commands: Sender<Command>,
    bell: Bell,
    shown: Arc<Mutex<serde_json::Value>>,
    sayings: Arc<dyn Sayings>,
    clock: Arc<dyn Clock>,
    /// Rules that nobody looks for at all, as they were said.
    blind: Mutex<BTreeMap<String, BlindReason>>,
    /// The threads, and what the first of them takes over.
    threads: Mutex<Threads>,
}

#[derive(Debug)]
enum Threads {
    /// Nobody needed them yet.
    Idle(Option<Receiver<Command>>),
    Running(Vec<JoinHandle<()>>),
}

impl Analysis {
    /// Nothing runs before [`Self::apply`] brings a rule.
    pub(crate) fn new(sayings: Arc<dyn Sayings>, clock: Arc<dyn Clock>) -> anyhow::Result<Self> {
        let (commands, inbox) = channel();
        Ok(Self {
            taps: Arc::new(Taps::new()),
            commands,
            bell: Bell::new().context("cannot make a bell for the analysis")?,
            shown: Arc::default(),
            sayings,
            clock,
            blind: Mutex::default(),
            threads: Mutex::new(Threads::Idle(Some(inbox))),
        })
    }

    /// The sink of a session: `store` gets everything, the analysis what its rules want.
    pub(crate) fn sink(&self, stream: &StreamId, store: impl SampleSink + 'static) -> Box<dyn SampleSink> {
        Box::new(self.taps.sink(stream, store))
    }

    /// From now on it is like this.
    pub(crate) fn apply(&self, settings: Settings) {
        self.taps.want(&settings.streams);
        {
            let mut said = self.blind.lock().unwrap_or_else(PoisonError::into_inner);
            for (rule, camera, reason) in &settings.blind {
                if said.get(rule) != Some(reason) {
                    self.sayings.blind(rule, camera, Some(*reason));
                }
            }
            *said = settings.blind.iter().map(|(rule, _, reason)| (rule.clone(), *reason)).collect();
        }
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        if let Threads::Idle(inbox) = &mut *threads {
            if settings.rules.is_empty() {
                return;
            }
            let Some(inbox) = inbox.take() else { return };
            match self.start(inbox) {
                Ok(running) => *threads = Threads::Running(running),
                Err(error) => {
                    self.sayings.system("analysis", &format!("cannot start its threads: {error}"));
                    return;
                }
            }
        }
        // The thread ends with this handle only.
        let _ = self.commands.send(Command::Apply(Box::new(settings)));
        self.bell.ring();
    }

    fn start(&self, commands: Receiver<Command>) -> std::io::Result<Vec<JoinHandle<()>>> {
        let line = Arc::new(Mutex::default());
        let parts = Parts {
            commands,
            bell: self.bell.clone(),
            line: line.clone(),
            sayings: self.sayings.clone(),
            clock: self.clock.clone(),
            shown: self.shown.clone(),
            taps: self.taps.clone(),
        };
        let named = |name: &str| std::thread::Builder::new().name(name.into());
        let turn = named("analysis").spawn(move || Turn::new(parts).run())?;
        let (taps, commands, bell) = (self.taps.clone(), self.commands.clone(), self.bell.clone());
        let feeder = named("feeder").spawn(move || feeder::run(&taps, &line, &commands, &bell))?;
        Ok(vec![turn, feeder])
    }

    /// What there is to show; null while nothing was ever armed.
    pub(crate) fn status(&self) -> serde_json::Value {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Ends its threads and children.
    pub(crate) fn close(&self) {
        self.taps.queue().close();
        let _ = self.commands.send(Command::Stop);
        self.bell.ring();
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        if let Threads::Running(running) = std::mem::replace(&mut *threads, Threads::Idle(None)) {
            for thread in running {
                if thread.join().is_err() {
                    tracing::error!("a thread of the analysis has panicked");
                }
            }
        }
    }
}
