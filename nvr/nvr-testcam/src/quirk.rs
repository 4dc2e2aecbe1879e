//! The field's faults, by name.
//!
//! Promises: a closed list; a name round-trips; each has one line for `--help`.
//! Leaves to others: doing them (`fault`, `dialogue`, `sdp`, `server`).

use std::fmt;
use std::str::FromStr;

/// One fault. Numbers in a name are parameters: `silent-after-5-s`, `packet-loss-2`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Quirk {
    /// Key frames only every so many seconds; those in between are not sent.
    LongGop(u32),
    /// A session starts between key frames.
    NoIdrFirst,
    /// After three failed logins every request of that address is refused for so many seconds.
    AuthLock(u32),
    /// Every request is refused.
    AlwaysUnauthorized,
    /// So many sessions a camera; further ones get 453.
    ConnectionLimit(u32),
    /// The connection stays, media ends after so many seconds.
    SilentAfter(u32),
    /// Sender reports run so many minutes ahead.
    ClockAhead(u32),
    /// Parameter sets change every so many seconds.
    SpsChange(u32),
    /// The picture size changes every so many seconds.
    ResolutionChange(u32),
    /// Sequence numbers and timestamps wrap within two seconds.
    RtpWrap,
    /// Timestamps jump one hour ahead after so many seconds, and back after as many more.
    TimestampJump(u32),
    /// Once a second a frame's timestamp lies one second back.
    BackwardsTimestamps,
    /// One NAL unit of so many megabytes, one second into the session.
    HugeUnit(u32),
    /// Once a second a packet without payload, or a NAL unit of no bytes.
    ZeroUnit,
    /// Everything is sent at so many bytes a second, byte by byte (over UDP: one packet a second).
    SlowTrickle(u32),
    /// The session description has parameter sets of another size.
    WrongSdp,
    /// The session description has no parameter sets.
    NoSprop,
    /// The session description is not one.
    BadSdp,
    /// The session description says VP8.
    UnknownCodec,
    /// Sessions are closed after so many seconds.
    Flap(u32),
    /// Once a second random bytes between the interleaved packets.
    Garbage,
    /// So many per cent of the RTP packets are lost.
    PacketLoss(u32),
    /// Now and then two packets change places.
    Reorder,
    /// The reply to PLAY has no RTP-Info.
    NoRtpInfo,
    /// A second track with sound, whatever was asked for.
    SendsAudio,
    /// TEARDOWN is not answered, media goes on.
    TeardownIgnored,
    /// Connections are accepted and never served.
    HalfOpen,
    /// DESCRIBE is redirected to its own address.
    RedirectLoop,
}

use Quirk::*;

impl Quirk {
    /// All of them, with the parameters they have when none is given.
    pub const ALL: [Quirk; 28] = [
        LongGop(60),
        NoIdrFirst,
        AuthLock(1800),
        AlwaysUnauthorized,
        ConnectionLimit(2),
        SilentAfter(5),
        ClockAhead(7),
        SpsChange(10),
        ResolutionChange(10),
        RtpWrap,
        TimestampJump(5),
        BackwardsTimestamps,
        HugeUnit(100),
        ZeroUnit,
        SlowTrickle(200),
        WrongSdp,
        NoSprop,
        BadSdp,
        UnknownCodec,
        Flap(10),
        Garbage,
        PacketLoss(2),
        Reorder,
        NoRtpInfo,
        SendsAudio,
        TeardownIgnored,
        HalfOpen,
        RedirectLoop,
    ];

    /// Name before the parameter, the parameter, its unit.
    fn parts(self) -> (&'static str, Option<u32>, &'static str) {
        match self {
            LongGop(n) => ("long-gop-", Some(n), "-s"),
            NoIdrFirst => ("no-idr-first", None, ""),
            AuthLock(n) => ("401-lock-", Some(n), "-s"),
            AlwaysUnauthorized => ("always-401", None, ""),
            ConnectionLimit(n) => ("connection-limit-", Some(n), ""),
            SilentAfter(n) => ("silent-after-", Some(n), "-s"),
            ClockAhead(n) => ("clock+", Some(n), "min"),
            SpsChange(n) => ("sps-change-", Some(n), "-s"),
            ResolutionChange(n) => ("resolution-change-", Some(n), "-s"),
            RtpWrap => ("rtp-wrap", None, ""),
            TimestampJump(n) => ("timestamp-jump-", Some(n), "-s"),
            BackwardsTimestamps => ("backwards-timestamps", None, ""),
            HugeUnit(n) => ("huge-unit-", Some(n), "-mb"),
            ZeroUnit => ("zero-unit", None, ""),
            SlowTrickle(n) => ("slow-trickle-", Some(n), "-bytes"),
            WrongSdp => ("wrong-sdp", None, ""),
            NoSprop => ("no-sprop", None, ""),
            BadSdp => ("bad-sdp", None, ""),
            UnknownCodec => ("unknown-codec", None, ""),
            Flap(n) => ("flap-", Some(n), "-s"),
            Garbage => ("garbage", None, ""),
            PacketLoss(n) => ("packet-loss-", Some(n), ""),
            Reorder => ("reorder", None, ""),
            NoRtpInfo => ("no-rtp-info", None, ""),
            SendsAudio => ("sends-audio", None, ""),
            TeardownIgnored => ("teardown-ignored", None, ""),
            HalfOpen => ("half-open", None, ""),
            RedirectLoop => ("redirect-loop", None, ""),
        }
    }

    fn with(self, n: u32) -> Quirk {
        match self {
            LongGop(_) => LongGop(n),
            AuthLock(_) => AuthLock(n),
            ConnectionLimit(_) => ConnectionLimit(n),
            SilentAfter(_) => SilentAfter(n),
            ClockAhead(_) => ClockAhead(n),
            SpsChange(_) => SpsChange(n),
            ResolutionChange(_) => ResolutionChange(n),
            TimestampJump(_) => TimestampJump(n),
            HugeUnit(_) => HugeUnit(n),
            SlowTrickle(_) => SlowTrickle(n),
            Flap(_) => Flap(n),
            PacketLoss(_) => PacketLoss(n),
            other => other,
        }
    }

    /// Largest parameter that makes sense.
    fn max(self) -> u32 {
        match self {
            PacketLoss(_) => 100,
            HugeUnit(_) => 4000,
            ConnectionLimit(_) => 1000,
            _ => 1_000_000,
        }
    }

    /// What it does, in one line.
    pub fn describe(self) -> &'static str {
        match self {
            LongGop(_) => {
                "key frames only every N seconds (by leaving them out; a synthetic stream has none there)"
            }
            NoIdrFirst => "a session starts between key frames",
            AuthLock(_) => "after 3 failed logins every request of that address is 401 for N seconds",
            AlwaysUnauthorized => "every request is 401",
            ConnectionLimit(_) => "N sessions a camera; SETUP of further ones is 453",
            SilentAfter(_) => "the connection stays, media ends after N seconds",
            ClockAhead(_) => "RTCP sender reports run N minutes ahead",
            SpsChange(_) => "parameter sets change every N seconds (needs --file2, or a synthetic stream)",
            ResolutionChange(_) => {
                "the picture size changes every N seconds (needs --file2, or a synthetic stream)"
            }
            RtpWrap => "RTP sequence numbers and timestamps wrap within 2 seconds",
            TimestampJump(_) => "timestamps jump +1 h after N seconds and -1 h after N more",
            BackwardsTimestamps => "once a second a frame's timestamp lies 1 s back",
            HugeUnit(_) => "one NAL unit of N MB after 1 second (made on the fly)",
            ZeroUnit => "once a second an RTP packet without payload, or a NAL unit of no bytes",
            SlowTrickle(_) => "everything leaves byte by byte, N bytes a second (UDP: 1 packet a second)",
            WrongSdp => "the SDP has parameter sets of another picture size (H.264)",
            NoSprop => "the SDP has no parameter sets",
            BadSdp => "the SDP is garbage",
            UnknownCodec => "the SDP says VP8",
            Flap(_) => "closes a session's connection after N seconds",
            Garbage => "once a second random bytes between the interleaved packets",
            PacketLoss(_) => "N % of the RTP packets are not sent",
            Reorder => "one packet in 20 changes places with the next",
            NoRtpInfo => "the reply to PLAY has no RTP-Info",
            SendsAudio => "a second track with sound (u-law)",
            TeardownIgnored => "TEARDOWN is not answered, media goes on",
            HalfOpen => "accepts connections and never answers",
            RedirectLoop => "DESCRIBE is redirected to its own address",
        }
    }

    /// All names with their lines, for `--help`. `N` stands where the name takes a number.
    pub fn help() -> String {
        Quirk::ALL.iter().map(|q| format!("  {:<24} {}\n", q.to_string(), q.describe())).collect()
    }
}

impl fmt::Display for Quirk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, n, unit) = self.parts();
        match n {
            Some(n) => f.pad(&format!("{name}{n}{unit}")),
            None => f.pad(name),
        }
    }
}

/// A name that is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no quirk; these are: {names}", names = Quirk::ALL.map(|q| q.to_string()).join(", "))]
pub struct QuirkError(String);

impl FromStr for Quirk {
    type Err = QuirkError;

    /// A name, with or without its number and the number's unit.
    fn from_str(text: &str) -> Result<Self, QuirkError> {
        for quirk in Quirk::ALL {
            let (name, default, unit) = quirk.parts();
            if text == name.trim_end_matches(['-', '+']) {
                return Ok(quirk);
            }
            let Some(number) = default.and_then(|_| text.strip_prefix(name)) else { continue };
            let number = number.strip_suffix(unit).unwrap_or(number);
            if let Ok(n) = number.parse::<u32>()
                && (1..=quirk.max()).contains(&n)
            {
                return Ok(quirk.with(n));
            }
        }
        Err(QuirkError(text.chars().take(48).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<Quirk>) {
        assert_eq!(text.parse().ok(), expected, "{text}");
    }

    #[test]
    fn names_round_trip() {
        for q in Quirk::ALL {
            check(&q.to_string(), Some(q));
            assert!(q.describe().len() > 10);
        }
    }

    #[test]
    fn parameters() {
        check("long-gop", Some(LongGop(60)));
        check("long-gop-250-s", Some(LongGop(250)));
        check("long-gop-250", Some(LongGop(250)));
        check("clock+7min", Some(ClockAhead(7)));
        check("clock+90min", Some(ClockAhead(90)));
        check("401-lock", Some(AuthLock(1800)));
        check("packet-loss-5", Some(PacketLoss(5)));
        check("packet-loss-101", None);
        check("flap-0-s", None);
        check("garbage-5", None);
        check("", None);
        check("-", None);
    }
}
