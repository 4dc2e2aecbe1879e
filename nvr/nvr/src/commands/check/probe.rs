//! Asking cameras what they send, for `nvr check --probe`.
//!
//! Promises: the same sessions as recording, so the same answers; one try a stream, [`WAIT_MAX`] at most, bounded
//! at once; nothing is kept of what arrives.
//! Leaves to others: the sessions (`nvr-ingest`), the words (`check`).

use super::Probed;
use nvr_base::config::StreamConfig;
use nvr_base::text::text;
use nvr_base::{CameraState, Format, GapReason, SampleSink, StreamEvent, StreamStatus, SystemClock};
use nvr_ingest::{Ingest, SessionHandle};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long a camera has to answer.
const WAIT_MAX: Duration = Duration::from_secs(10);
/// Streams that are asked at once.
const AT_ONCE_MAX: usize = 64;
/// How often answers are looked for.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// The first format of a stream; all else is dropped as it comes.
#[derive(Debug, Clone, Default)]
struct First(Arc<Mutex<Option<Format>>>);

impl First {
    fn get(&self) -> Option<Format> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl SampleSink for First {
    fn accept(&mut self, event: StreamEvent) {
        if let StreamEvent::Format { format, .. } = event {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(format);
        }
    }
}

/// Asks `streams`: one answer each, in the same order.
pub(crate) fn ask(streams: &[StreamConfig]) -> Vec<Result<Probed, String>> {
    let ingest = match Ingest::start(1, Arc::new(SystemClock)) {
        Ok(ingest) => ingest,
        Err(error) => return streams.iter().map(|_| Err(error.to_string())).collect(),
    };
    let answers = streams.chunks(AT_ONCE_MAX).flat_map(|chunk| ask_at_once(&ingest, chunk)).collect();
    ingest.stop();
    answers
}

fn ask_at_once(ingest: &Ingest, streams: &[StreamConfig]) -> Vec<Result<Probed, String>> {
    let asked: Vec<Result<(First, SessionHandle), String>> = streams
        .iter()
        .map(|stream| match crate::settings::session(stream) {
            (_, Some(why)) => Err(why),
            (None, None) => Err(text("probe-not-possible", &[("stream", stream.id.to_string().into())])),
            (Some(config), None) => {
                let first = First::default();
                let handle = ingest.add(config, Box::new(first.clone()));
                Ok((first, handle))
            }
        })
        .collect();
    let start = Instant::now();
    let mut answers: Vec<Option<Result<Probed, String>>> = asked.iter().map(|_| None).collect();
    while answers.iter().any(Option::is_none) {
        let late = start.elapsed() >= WAIT_MAX;
        for (answer, asked) in answers.iter_mut().zip(&asked).filter(|(answer, _)| answer.is_none()) {
            *answer = match asked {
                Err(why) => Some(Err(why.clone())),
                Ok((first, handle)) => judge(first.get().as_ref(), &handle.status(), late),
            };
            if let (Some(_), Ok((_, handle))) = (&answer, asked) {
                handle.ask_to_stop(GapReason::StoppedByPolicy);
            }
        }
        std::thread::sleep(LOOK_EVERY);
    }
    answers.into_iter().flatten().collect()
}

/// What is known of a stream; `None` while it may still answer.
fn judge(format: Option<&Format>, status: &StreamStatus, late: bool) -> Option<Result<Probed, String>> {
    if let Some(format) = format {
        return Some(Ok(Probed {
            codec: format.video.codec,
            width: format.video.width,
            height: format.video.height,
            sends_audio: status.sends_audio,
            stores_audio: format.audio.is_some(),
        }));
    }
    let pending = matches!(status.state, CameraState::Connecting | CameraState::Live);
    match &status.why {
        Some(why) if !pending || late => Some(Err(why.clone())),
        _ if late => Some(Err(text("probe-late", &[("seconds", WAIT_MAX.as_secs().into())]))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nvr_base::{AudioFormat, Codec, Utc, VideoFormat};

    #[test]
    fn judgements() {
        let status = |state, why: Option<&str>, sends_audio| StreamStatus {
            state,
            since: Utc(0),
            why: why.map(str::to_owned),
            connects: 0,
            packets_lost: 0,
            audio_discarded: 0,
            sends_audio,
            samples: 0,
            bytes: 0,
        };
        let video =
            VideoFormat { codec: Codec::H265, width: 640, height: 360, config: vec![], reorder_depth: 0 };
        let sound = AudioFormat { codec: Codec::Aac, rate_hz: 8000, channels: 1, config: vec![] };
        let silent = Format { video: video.clone(), audio: None };
        let loud = Format { video, audio: Some(sound) };
        let probed = |sends_audio, stores_audio| {
            Some(Ok(Probed { codec: Codec::H265, width: 640, height: 360, sends_audio, stores_audio }))
        };
        use CameraState::{Backoff, Connecting, CredentialsRefused, Live};
        assert_eq!(judge(Some(&silent), &status(Live, None, false), false), probed(false, false));
        assert_eq!(judge(Some(&silent), &status(Live, None, true), true), probed(true, false));
        assert_eq!(judge(Some(&loud), &status(Live, None, true), false), probed(true, true));
        assert_eq!(judge(None, &status(Connecting, None, false), false), None);
        assert_eq!(judge(None, &status(Backoff, Some("refused"), false), false), Some(Err("refused".into())));
        assert_eq!(
            judge(None, &status(CredentialsRefused, Some("401"), false), false),
            Some(Err("401".into()))
        );
        assert!(matches!(judge(None, &status(Connecting, None, false), true), Some(Err(_))));
    }

    #[test]
    fn nothing_to_ask_is_no_answer() {
        assert!(ask(&[]).is_empty());
    }
}
