//! RTSP cameras: the thin shell around retina.
//!
//! Promises: sound is not even asked for unless it may be recorded; errors become sentences without secrets;
//! a broken packet costs its frame, not the session.
//! Leaves to others: when to try again (`session`), times and epochs (`assembler`), limits on units (the
//! patched retina, see `vendor/README.md`).

use crate::config::{SessionConfig, Transport};
use crate::failure::{Failure, FailureKind};
use crate::format;
use crate::source::{AudioFrame, Frame, Item, Items, Offer, Source};
use futures::future::BoxFuture;
use futures::{FutureExt, Stream};
use nvr_base::{AudioFormat, Codec, Format, VideoFormat};
use retina::ErrorKind;
use retina::client::{
    Credentials, Demuxed, Described, InitialSequenceNumberPolicy, InitialTimestampPolicy, PlayOptions,
    Session, SessionGroup, SessionIdPolicy, SessionOptions, SetupOptions, TeardownPolicy,
    UnassignedChannelDataPolicy, UnknownRtcpSsrcPolicy,
};
use retina::codec::{CodecItem, FrameFormat, ParametersRef};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

/// How long to wait for the camera to let go of a session that ended before.
const TEARDOWN_WAIT_MAX: Duration = Duration::from_secs(5);
/// Name that cameras see in their logs.
const USER_AGENT: &str = concat!("nvr/", env!("CARGO_PKG_VERSION"));

/// A camera that speaks RTSP.
pub struct RtspSource {
    config: SessionConfig,
    group: Arc<SessionGroup>,
}

impl std::fmt::Debug for RtspSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RtspSource").field("config", &self.config).finish_non_exhaustive()
    }
}

impl RtspSource {
    /// `group` holds the sessions that the same camera has not let go of yet.
    pub fn new(config: SessionConfig, group: Arc<SessionGroup>) -> Self {
        Self { config, group }
    }

    async fn play(&self) -> Result<(Offer, Items), Failure> {
        // Sessions left behind would count against the camera's limit, and ours.
        let _ = tokio::time::timeout(TEARDOWN_WAIT_MAX, self.group.await_teardown()).await;

        let creds = self.config.user.clone().map(|username| Credentials {
            username,
            password: self.config.password.as_ref().map(|p| p.expose().to_owned()).unwrap_or_default(),
        });
        let options = SessionOptions::default()
            .creds(creds)
            .user_agent(USER_AGENT.to_owned())
            .session_group(self.group.clone())
            .session_id(SessionIdPolicy::UseFirst)
            .unassigned_channel_data(UnassignedChannelDataPolicy::Ignore)
            .teardown(TeardownPolicy::Auto);
        let mut session = Session::describe(self.config.url.clone(), options)
            .await
            .map_err(|e| self.failure("DESCRIBE", &e))?;

        let (video, sound) = self.choose(&session)?;
        session.setup(video, self.setup()).await.map_err(|e| self.failure("SETUP", &e))?;
        if let Some((index, _)) = &sound {
            session.setup(*index, self.setup()).await.map_err(|e| self.failure("SETUP of the sound", &e))?;
        }
        let offer = Offer {
            sends_audio: session.streams().iter().any(|s| s.media() == "audio"),
            audio: sound.as_ref().map(|(_, format)| format.clone()),
        };
        let play = PlayOptions::default()
            .initial_timestamp(InitialTimestampPolicy::Ignore)
            .initial_seq(InitialSequenceNumberPolicy::Ignore)
            .unknown_rtcp_ssrc(UnknownRtcpSsrcPolicy::DropPackets);
        let demuxed = session
            .play(play)
            .await
            .map_err(|e| self.failure("PLAY", &e))?
            .demuxed()
            .map_err(|e| self.failure("PLAY", &e))?;
        let items = Frames {
            demuxed: Box::pin(demuxed),
            video,
            codec: None,
            audio: sound.map(|(_, format)| format),
            source: self.name(),
            next: None,
        };
        Ok((offer, Box::pin(items)))
    }

    /// The streams to set up: the first video that can be recorded and, where allowed, the first such sound.
    fn choose(&self, session: &Session<Described>) -> Result<(usize, Option<(usize, AudioFormat)>), Failure> {
        let is_video = |media: &str| media == "video" || media == "image";
        let recorded =
            |name: &str| matches!(format::codec(name), Some(Codec::H264 | Codec::H265 | Codec::Mjpeg));
        let streams = session.streams();
        let video = streams.iter().position(|s| is_video(s.media()) && recorded(s.encoding_name()));
        let Some(video) = video else {
            let offered: Vec<&str> =
                streams.iter().filter(|s| is_video(s.media())).map(|s| s.encoding_name()).collect();
            let offered = if offered.is_empty() {
                "no video at all".to_owned()
            } else {
                clean(&offered.join(", "), 60)
            };
            return Err(Failure::new(
                FailureKind::UnsupportedCodec,
                format!(
                    "{}: the camera offers {offered}, but only H.264, H.265 and MJPEG are recorded; \
                     set its stream to H.264 or H.265",
                    self.name()
                ),
            ));
        };
        let sound = streams.iter().enumerate().find_map(|(index, s)| {
            let Some(ParametersRef::Audio(params)) = s.parameters() else { return None };
            Some((index, format::audio(s.encoding_name(), params)?))
        });
        Ok((video, sound.filter(|_| self.config.audio)))
    }

    fn setup(&self) -> SetupOptions {
        let transport = match self.config.transport {
            Transport::Tcp => retina::client::Transport::Tcp(Default::default()),
            Transport::Udp => retina::client::Transport::Udp(Default::default()),
        };
        SetupOptions::default().transport(transport).frame_format(FrameFormat::MP4)
    }

    fn failure(&self, step: &str, error: &retina::Error) -> Failure {
        describe(&self.name(), step, error, self.config.user.is_some())
    }
}

impl Source for RtspSource {
    fn connect(&mut self) -> BoxFuture<'_, Result<(Offer, Items), Failure>> {
        self.play().boxed()
    }

    fn name(&self) -> String {
        let url = &self.config.url;
        let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
        // Some cameras take the password as a query: it is not repeated.
        format!("{}://{}{port}{}", url.scheme(), url.host_str().unwrap_or("?"), clean(url.path(), 80))
    }
}

/// One retina error as a failure: what it is and what to do.
fn describe(name: &str, step: &str, error: &retina::Error, has_user: bool) -> Failure {
    // The first line is the error; what follows are addresses and positions for packet captures.
    let text = error.to_string();
    let text = clean(text.lines().next().unwrap_or_default(), 160);
    tracing::debug!(camera = name, step, error = %error, "retina");
    let (kind, why) = match (error.status_code(), error.kind()) {
        (Some(401), _) if has_user => (
            FailureKind::CredentialsRefused,
            "credentials refused or connections exhausted: check user and password at the camera, and whether \
             it has locked this address out; tried again in 35 minutes, or at once when the configuration changes"
                .to_owned(),
        ),
        (Some(401), _) => (
            FailureKind::CredentialsRefused,
            "the camera asks for a user and a password: put the user into the address and name a password_file"
                .to_owned(),
        ),
        (Some(403), _) => (
            FailureKind::CredentialsRefused,
            format!("{step} forbidden: give the user the right to view this stream at the camera"),
        ),
        (Some(453 | 503), _) => (
            FailureKind::SessionsExhausted,
            format!(
                "{step} refused, the camera has no session left: close other viewers or raise its limit of connections"
            ),
        ),
        (Some(404), _) => {
            (FailureKind::Down, format!("{step}: the camera does not know this path; check the address"))
        }
        (Some(461), _) => (
            FailureKind::Broken,
            format!("{step}: the camera does not offer this transport; set transport to the other of tcp and udp"),
        ),
        (Some(status @ 300..), _) => (FailureKind::Broken, format!("{step} failed with status {status}: {text}")),
        (None, ErrorKind::Connect) => {
            (FailureKind::Down, format!("{text}; check that the camera is on and its address is right"))
        }
        (None, ErrorKind::Io) => {
            (FailureKind::Down, format!("the connection broke at {step}: {text}; check the network"))
        }
        (None, ErrorKind::TooLarge) => (
            FailureKind::Broken,
            "the camera sent a unit of more than 8 MiB, which is no picture; restart it or update its firmware"
                .to_owned(),
        ),
        (None, ErrorKind::InvalidArgument) => {
            (FailureKind::Broken, format!("the address cannot be used: {text}; correct it"))
        }
        _ => (
            FailureKind::Broken,
            format!("{step}: what the camera sends cannot be used ({text}); restart it or update its firmware"),
        ),
    };
    Failure::new(kind, format!("{name}: {why}"))
}

/// Text of a camera, fit for a terminal: no control characters, `len_max` characters at most.
fn clean(text: &str, len_max: usize) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(len_max).collect()
}

/// Retina's items as ours.
struct Frames {
    demuxed: Pin<Box<Demuxed>>,
    video: usize,
    codec: Option<Codec>,
    audio: Option<AudioFormat>,
    source: String,
    /// The frame that follows a format.
    next: Option<Frame>,
}

impl Frames {
    fn take(&mut self, item: CodecItem) -> Option<Item> {
        match item {
            CodecItem::VideoFrame(frame) if frame.stream_id() == self.video => Some(self.picture(frame)),
            CodecItem::AudioFrame(frame) => Some(self.sound(&frame)),
            _ => None,
        }
    }

    fn picture(&mut self, frame: retina::codec::VideoFrame) -> Item {
        let changed = frame.has_new_parameters() || self.codec.is_none();
        let format = if changed { self.format() } else { None };
        if let Some(format) = &format {
            self.codec = Some(format.codec);
        }
        let Some(codec) = self.codec else { return Item::Unready };
        let at = frame.timestamp();
        let lost = u32::from(frame.loss());
        let data = frame.into_data();
        // A unit without a picture is skipped, but the parameters it brought count.
        let frame = format::key(codec, &data).map(|key| Frame {
            timestamp: at.timestamp(),
            rate_hz: at.clock_rate().get(),
            key,
            lost,
            data,
        });
        match (format, frame) {
            (Some(video), frame) => {
                self.next = frame;
                Item::Format(Format { video, audio: self.audio.clone() })
            }
            (None, Some(frame)) => Item::Video(frame),
            (None, None) => Item::Skipped,
        }
    }

    fn format(&self) -> Option<VideoFormat> {
        match self.demuxed.streams().get(self.video)?.parameters()? {
            ParametersRef::Video(params) => format::video(params),
            _ => None,
        }
    }

    fn sound(&self, frame: &retina::codec::AudioFrame) -> Item {
        if self.audio.is_none() {
            return Item::AudioDiscarded;
        }
        let at = frame.timestamp();
        Item::Audio(AudioFrame {
            timestamp: at.timestamp(),
            rate_hz: at.clock_rate().get(),
            length: frame.frame_length().get(),
            lost: u32::from(frame.loss()),
            data: frame.data().to_vec(),
        })
    }
}

impl Stream for Frames {
    type Item = Result<Item, Failure>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        loop {
            if let Some(frame) = this.next.take() {
                return Poll::Ready(Some(Ok(Item::Video(frame))));
            }
            let item = match this.demuxed.as_mut().poll_next(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(None) => return Poll::Ready(None),
                Poll::Ready(Some(item)) => item,
            };
            match item {
                Ok(item) => {
                    if let Some(item) = this.take(item) {
                        return Poll::Ready(Some(Ok(item)));
                    }
                }
                // The next packet may be whole; too many in a row end the session.
                Err(e) if e.kind() == ErrorKind::Packet => {
                    tracing::debug!(camera = this.source, error = %e, "a broken packet was skipped");
                    return Poll::Ready(Some(Ok(Item::Skipped)));
                }
                Err(e) => return Poll::Ready(Some(Err(describe(&this.source, "streaming", &e, true)))),
            }
        }
    }
}
