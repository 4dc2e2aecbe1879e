//! Runs one session: the thin shell around the session machine and the assembler.
//!
//! Promises: a panic in a connection is contained, counted and treated as a failure of that camera alone;
//! at most [`crate::session::SESSIONS_MAX`] connections to a camera at once; the last event is always `Down`.
//! Leaves to others: every decision (`session`, `assembler`), the protocol (`rtsp`, `v4l2`).

use crate::assembler::{Assembler, Heard};
use crate::failure::{Failure, FailureKind};
use crate::handle::{Order, Shared};
use crate::pacer::UdpPace;
use crate::session::{Action, Event, Now, PARAMETERS_WAIT_MAX, Patience, SKIPPED_MAX, Session};
use crate::source::{Item, Items, Source};
use futures::{FutureExt, StreamExt};
use nvr_base::{Clock, SampleSink, StreamEvent};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::Semaphore;

/// One session's parts.
pub(crate) struct Driver {
    pub(crate) source: Box<dyn Source>,
    pub(crate) sink: Box<dyn SampleSink>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) slots: Arc<Semaphore>,
    pub(crate) patience: Patience,
    pub(crate) seed: u64,
    /// Held as long as the session runs.
    pub(crate) _pace: Option<UdpPace>,
}

impl Driver {
    fn now(&self) -> Now {
        Now { utc: self.clock.utc(), mono: self.clock.mono() }
    }

    /// Runs until it is stopped.
    pub(crate) async fn run(mut self) {
        let (mut session, mut actions) =
            Session::start(self.source.name(), self.patience, self.seed, self.now());
        let mut assembler = Assembler::new();
        loop {
            let mut connect = false;
            for action in actions {
                match action {
                    Action::Connect => connect = true,
                    // The connection lives in `connection` below and is gone when that returns.
                    Action::Disconnect => {}
                    Action::Down { .. } => self.tell(&[action]),
                    Action::End => {
                        self.show(&session);
                        return;
                    }
                }
            }
            self.show(&session);
            let ended = if connect {
                let attempt = AssertUnwindSafe(self.connection(&mut session, &mut assembler));
                attempt.catch_unwind().await.unwrap_or_else(|_| {
                    self.shared.counters.panics.fetch_add(1, Ordering::Relaxed);
                    tracing::error!(stream = %self.shared.stream, "a session panicked; it starts anew");
                    assembler = Assembler::new();
                    Event::Failed(Failure::new(
                        FailureKind::Panicked,
                        format!(
                            "{}: a fault of the recorder; please report it with the log",
                            self.source.name()
                        ),
                    ))
                    .into()
                })
            } else {
                let deadline = sleep_until(&session, self.now());
                tokio::select! {
                    order = self.shared.order() => Ended::Event(order.into()),
                    () = self.source.worth_a_try() => Ended::Event(Event::RetryNow),
                    () = deadline => Ended::Event(Event::Timer),
                }
            };
            actions = match ended {
                Ended::Event(event) => session.step(event, self.now()),
                Ended::Stepped(actions) => actions,
            };
        }
    }

    /// One attempt and, when it succeeds, the whole life of the connection; gives the event that ends it.
    async fn connection(&mut self, session: &mut Session, assembler: &mut Assembler) -> Ended {
        let slots = self.slots.clone();
        let shared = self.shared.clone();
        let start = self.now();
        let attempt = async {
            let slot = slots.acquire_owned().await;
            self.source.connect().await.map(|connected| (connected, slot))
        };
        let (offer, mut items, _slot) = tokio::select! {
            result = attempt => match result {
                Ok(((offer, items), slot)) => (offer, items, slot),
                Err(failure) => return Event::Failed(failure).into(),
            },
            order = stop_order(&shared) => return order.into(),
            () = sleep_until(session, start) => return Event::Timer.into(),
        };
        let actions = session.step(Event::Connected, self.now());
        debug_assert!(actions.is_empty());
        self.shared.counters.connects.store(session.connects(), Ordering::Relaxed);
        self.shared.counters.sends_audio.store(offer.sends_audio, Ordering::Relaxed);
        assembler.connected();
        self.pump(session, assembler, &mut items).await
    }

    /// Hands items on until the connection ends, stalls or is stopped.
    async fn pump(&mut self, session: &mut Session, assembler: &mut Assembler, items: &mut Items) -> Ended {
        let shared = self.shared.clone();
        let connected = self.now();
        let mut timer = std::pin::pin!(sleep_until(session, connected));
        let mut order = std::pin::pin!(stop_order(&shared));
        let mut live = false;
        let mut skipped_in_a_row = 0u32;
        loop {
            let item = tokio::select! {
                biased;
                item = items.next() => item,
                event = &mut order => return event.into(),
                () = &mut timer => {
                    let now = self.now();
                    let actions = session.step(Event::Timer, now);
                    if actions.contains(&Action::Disconnect) {
                        return Ended::Stepped(actions);
                    }
                    if !actions.is_empty() {
                        // Stalled, but kept: something may come yet.
                        live = false;
                        self.tell(&actions);
                        self.show(session);
                    }
                    timer.set(sleep_until(session, now));
                    continue;
                }
            };
            let item = match item {
                Some(Ok(item)) => item,
                Some(Err(failure)) => return Event::Failed(failure).into(),
                None => {
                    return Event::Failed(Failure::new(
                        FailureKind::Down,
                        format!(
                            "{}: the camera closed the connection; it is tried again",
                            self.source.name()
                        ),
                    ))
                    .into();
                }
            };
            let now = self.now();
            let count = &self.shared.counters;
            match item {
                Item::Video(frame) => {
                    count.packets_lost.fetch_add(u64::from(frame.lost), Ordering::Relaxed);
                    let bytes = frame.data.len() as u64;
                    if assembler.video(frame, now, &mut *self.sink) {
                        count.samples.fetch_add(1, Ordering::Relaxed);
                        count.bytes.fetch_add(bytes, Ordering::Relaxed);
                        skipped_in_a_row = 0;
                        session.step(Event::Sample, now);
                        if !live {
                            live = true;
                            self.show(session);
                        }
                    } else {
                        session.step(Event::Alive, now);
                    }
                }
                Item::Format(format) => assembler.format(format),
                Item::Hole(reason) => assembler.missing(reason),
                Item::Audio(frame) => {
                    count.packets_lost.fetch_add(u64::from(frame.lost), Ordering::Relaxed);
                    if assembler.audio(frame, now, &mut *self.sink) == Heard::Discarded {
                        count.audio_discarded.fetch_add(1, Ordering::Relaxed);
                    }
                }
                Item::AudioDiscarded => {
                    count.audio_discarded.fetch_add(1, Ordering::Relaxed);
                }
                Item::Unready => {
                    session.step(Event::Alive, now);
                    if !live && now.mono.since(connected.mono) > PARAMETERS_WAIT_MAX {
                        return Event::Failed(Failure::new(
                            FailureKind::Broken,
                            format!(
                                "{}: pictures come without the parameters (SPS and PPS) to show them; \
                                 set the camera to send them with every key frame",
                                self.source.name()
                            ),
                        ))
                        .into();
                    }
                }
                Item::Skipped => {
                    count.skipped.fetch_add(1, Ordering::Relaxed);
                    skipped_in_a_row += 1;
                    if skipped_in_a_row > SKIPPED_MAX {
                        return Event::Failed(Failure::new(
                            FailureKind::Broken,
                            format!(
                                "{}: more than {SKIPPED_MAX} broken units in a row; \
                                 restart the camera or update its firmware",
                                self.source.name()
                            ),
                        ))
                        .into();
                    }
                }
            }
        }
    }

    fn tell(&mut self, actions: &[Action]) {
        for action in actions {
            if let Action::Down { reason, since } = *action {
                self.sink.accept(StreamEvent::Down { reason, since });
            }
        }
    }

    fn show(&self, session: &Session) {
        let (state, since) = session.state();
        let why = session.why().map(str::to_owned);
        // An outage is told once, not with every attempt to end it.
        let text = why.as_deref().unwrap_or_default();
        if self.shared.show(state, since, why.clone()) {
            tracing::info!(stream = %self.shared.stream, state = state.as_str(), why = text);
        } else {
            tracing::debug!(stream = %self.shared.stream, state = state.as_str(), why = text);
        }
    }
}

/// How a connection ended.
enum Ended {
    /// By this, which is still to be stepped.
    Event(Event),
    /// By a step that was made already.
    Stepped(Vec<Action>),
}

impl From<Event> for Ended {
    fn from(event: Event) -> Self {
        Self::Event(event)
    }
}

impl Drop for Driver {
    /// Also when the runtime is shut down under the task: whoever waits for the end is let go.
    fn drop(&mut self) {
        // The sink goes first: once `end` is seen no event can follow.
        self.sink = Box::new(Nowhere);
        self.shared.end();
    }
}

struct Nowhere;

impl SampleSink for Nowhere {
    fn accept(&mut self, _: StreamEvent) {}
}

impl From<Order> for Event {
    fn from(order: Order) -> Self {
        match order {
            Order::RetryNow => Self::RetryNow,
            Order::Stop(reason) => Self::Stop(reason),
        }
    }
}

/// Waits for the order to stop; an attempt under way is retry enough.
async fn stop_order(shared: &Shared) -> Event {
    loop {
        if let Order::Stop(reason) = shared.order().await {
            return Event::Stop(reason);
        }
    }
}

/// Sleeps until the session's deadline, for ever when there is none.
fn sleep_until(session: &Session, now: Now) -> impl Future<Output = ()> + use<> {
    let wait = session.deadline().map(|due| due.since(now.mono));
    async move {
        match wait {
            // A timer may fire a millisecond early by the other clock.
            Some(wait) => tokio::time::sleep(wait + Duration::from_millis(1)).await,
            None => std::future::pending().await,
        }
    }
}
