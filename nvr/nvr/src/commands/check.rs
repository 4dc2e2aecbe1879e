//! `nvr check`: everything that is wrong with a configuration, and what it would do.
//!
//! Promises: each finding as `file:line:column: error: sentence` and a remedy, or as JSON; nothing secret;
//! nothing is changed.
//! Leaves to others: finding them (`nvr_base::config`), asking cameras (`probe`).

mod gate;
mod plugins;
mod probe;
mod rules;

use crate::args::{CheckArgs, Cli};
use nvr_base::config::{Config, Finding, Loaded, StreamConfig, load};
use nvr_base::text::{Arg, Texts, texts};
use nvr_base::{Codec, StreamId};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

/// What a camera says it sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Probed {
    /// Codec of the picture.
    pub(crate) codec: Codec,
    /// Pixels.
    pub(crate) width: u16,
    /// Pixels.
    pub(crate) height: u16,
    /// It offers sound.
    pub(crate) sends_audio: bool,
    /// That sound would be recorded: it is allowed, and of a kind that is stored.
    pub(crate) stores_audio: bool,
}

/// Asks cameras what they send: one answer a stream, in the same order, each a description or a sentence on
/// why there is none. It gets RTSP streams only, all at once, so that it can ask them side by side.
pub(crate) type Probe<'a> = &'a dyn Fn(&[StreamConfig]) -> Vec<Result<Probed, String>>;

/// Runs it.
pub(crate) fn run(cli: &Cli, args: &CheckArgs) -> anyhow::Result<ExitCode> {
    let probe: Option<Probe<'_>> = if args.probe { Some(&probe::ask) } else { None };
    let ok = check(&cli.config, cli.json, probe, texts(), &mut io::stdout().lock())?;
    Ok(if ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// A finding in one line, for logs and for commands that need the configuration whole:
/// `file:line:column: error: sentence; remedy: sentence`.
pub(crate) fn sentence(finding: &Finding, texts: &Texts) -> String {
    format!("{}; {}", headline(finding, texts), remedy(finding, texts))
}

/// Checks `file` and writes what it found to `out`; true when there is no error.
fn check(
    file: &Path,
    json: bool,
    probe: Option<Probe<'_>>,
    texts: &Texts,
    out: &mut dyn Write,
) -> io::Result<bool> {
    let mut loaded = load(file);
    let streams = loaded.config.as_ref().map(Config::streams).unwrap_or_default();
    let answers = probe.map(|probe| ask(probe, &streams));
    let mut measured = Vec::new();
    if let Some(config) = &loaded.config {
        measured = gate::measure(config, &widths(&streams, answers.as_deref()));
        loaded.findings.extend(rules::without_plugin(config));
        let described = plugins::describe(config);
        loaded.findings.extend(rules::wrong_keys(config, &described));
        loaded
            .findings
            .extend(gate::findings(config, &measured, &|plugin| plugins::wish(&described, plugin)));
        loaded.findings.sort_by_key(|f| (f.place.is_none(), f.place));
    }
    if json {
        serde_json::to_writer(&mut *out, &as_json(&loaded, &streams, answers.as_deref(), &measured, texts))?;
        writeln!(out)?;
    } else {
        for finding in &loaded.findings {
            writeln!(out, "{}", headline(finding, texts))?;
            writeln!(out, "    {}", remedy(finding, texts))?;
        }
        if let Some(config) = &loaded.config {
            write_facts(config, &streams, texts, out)?;
            for line in gate::lines(config, &measured, texts) {
                writeln!(out, "{line}")?;
            }
        }
        for (stream, answer) in streams.iter().zip(answers.iter().flatten()) {
            writeln!(out, "{}", probe_line(stream, answer, texts))?;
        }
        write_summary(&loaded, texts, out)?;
    }
    out.flush()?;
    Ok(loaded.count().0 == 0)
}

/// What came of asking one stream.
#[derive(Debug)]
enum Answer {
    Sends(Probed),
    Failed(String),
    /// A device: it is not asked.
    NotAsked,
}

fn ask(probe: Probe<'_>, streams: &[StreamConfig]) -> Vec<Answer> {
    let rtsp: Vec<StreamConfig> = streams.iter().filter(|s| s.address.rtsp().is_some()).cloned().collect();
    let mut answers = probe(&rtsp).into_iter();
    streams
        .iter()
        .map(|stream| match stream.address.rtsp().and_then(|_| answers.next()) {
            Some(Ok(probed)) => Answer::Sends(probed),
            Some(Err(why)) => Answer::Failed(why),
            None => Answer::NotAsked,
        })
        .collect()
}

/// Widths of pictures, pixels, as far as they are known.
fn widths(streams: &[StreamConfig], answers: Option<&[Answer]>) -> BTreeMap<StreamId, u32> {
    let width = |(i, stream): (usize, &StreamConfig)| {
        let probed = match answers.and_then(|all| all.get(i)) {
            Some(Answer::Sends(probed)) => Some(u32::from(probed.width)),
            _ => stream.v4l2.width,
        };
        Some((stream.id.clone(), probed?))
    };
    streams.iter().enumerate().filter_map(width).collect()
}

fn headline(finding: &Finding, texts: &Texts) -> String {
    let severity = texts.text(&format!("severity-{}", finding.severity()), &[]);
    format!("{}: {severity}: {}", finding.location(), finding.message(texts))
}

fn remedy(finding: &Finding, texts: &Texts) -> String {
    texts.text("remedy", &[("remedy", Arg::from(finding.remedy(texts)))])
}

fn write_facts(
    config: &Config,
    streams: &[StreamConfig],
    texts: &Texts,
    out: &mut dyn Write,
) -> io::Result<()> {
    let path = |path: &Path| vec![("path", Arg::from(path.to_string_lossy().into_owned()))];
    for folder in &config.storage.paths {
        writeln!(out, "{}", texts.text("check-storage", &path(folder)))?;
    }
    let socket = if config.server.socket_is_default { "check-socket-default" } else { "check-socket" };
    writeln!(out, "{}", texts.text(socket, &path(&config.server.socket)))?;
    let days = [
        ("days", Arg::from(config.storage.keep_days)),
        ("sub_days", Arg::from(config.storage.sub_keep_days)),
    ];
    writeln!(out, "{}", texts.text("check-keep", &days))?;
    for camera in &config.cameras {
        let mut recorded = streams.iter().filter(|s| s.id.camera == camera.id).peekable();
        if recorded.peek().is_none() {
            writeln!(out, "{}", texts.text("check-stopped", &[("camera", Arg::from(camera.id.as_str()))]))?;
        }
        for stream in recorded {
            let id = if stream.audio { "check-stream-audio" } else { "check-stream" };
            let args = [
                ("stream", Arg::from(stream.id.to_string())),
                ("address", Arg::from(stream.address.to_string())),
                ("days", Arg::from(stream.keep_days)),
                ("basis", Arg::from(camera.legal_basis.as_deref().unwrap_or_default())),
            ];
            writeln!(out, "{}", texts.text(id, &args))?;
        }
    }
    Ok(())
}

fn probe_line(stream: &StreamConfig, answer: &Answer, texts: &Texts) -> String {
    let mut args = vec![("stream", Arg::from(stream.id.to_string()))];
    let id = match answer {
        Answer::NotAsked => "probe-not-possible",
        Answer::Failed(why) => {
            args.push(("why", Arg::from(why.as_str())));
            "probe-failed"
        }
        Answer::Sends(probed) => {
            args.extend([
                ("codec", Arg::from(codec_name(probed.codec))),
                ("width", Arg::from(u32::from(probed.width))),
                ("height", Arg::from(u32::from(probed.height))),
            ]);
            match (probed.sends_audio, probed.stores_audio) {
                (false, _) => "probe-sends",
                (true, false) => "probe-audio-discarded",
                (true, true) => "probe-audio-stored",
            }
        }
    };
    texts.text(id, &args)
}

fn codec_name(codec: Codec) -> &'static str {
    match codec {
        Codec::H264 => "H.264",
        Codec::H265 => "H.265",
        Codec::Mjpeg => "MJPEG",
        Codec::Aac => "AAC",
        Codec::Ulaw | Codec::Alaw => "G.711",
    }
}

fn write_summary(loaded: &Loaded, texts: &Texts, out: &mut dyn Write) -> io::Result<()> {
    let (errors, warnings) = loaded.count();
    let args = [
        ("cameras", Arg::from(loaded.config.as_ref().map_or(0, |c| c.cameras.len()))),
        ("errors", Arg::from(errors)),
        ("warnings", Arg::from(warnings)),
    ];
    let id = if loaded.config.is_some() { "check-summary" } else { "check-no-configuration" };
    writeln!(out, "{}", texts.text(id, &args))
}

fn as_json(
    loaded: &Loaded,
    streams: &[StreamConfig],
    answers: Option<&[Answer]>,
    measured: &[Option<f64>],
    texts: &Texts,
) -> Value {
    let findings: Vec<Value> = loaded
        .findings
        .iter()
        .map(|f| {
            let args: serde_json::Map<String, Value> =
                f.args.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
            json!({
                "file": f.file, "line": f.place.map(|p| p.line), "column": f.place.map(|p| p.column),
                "key": f.key, "severity": f.severity(), "id": f.id, "args": args,
                "message": f.message(texts), "remedy": f.remedy(texts),
            })
        })
        .collect();
    let streams: Vec<Value> = streams
        .iter()
        .enumerate()
        .map(|(i, s)| {
            let probe = match answers.and_then(|a| a.get(i)) {
                None | Some(Answer::NotAsked) => Value::Null,
                Some(Answer::Failed(why)) => json!({ "why": nvr_base::text::printable(why) }),
                Some(Answer::Sends(p)) => {
                    json!({
                        "codec": p.codec, "width": p.width, "height": p.height,
                        "sends_audio": p.sends_audio, "stores_audio": p.stores_audio,
                    })
                }
            };
            json!({
                "camera": s.id.camera, "stream": s.id.kind, "address": s.address.to_string(),
                "keep_days": s.keep_days, "audio": s.audio, "probe": probe,
            })
        })
        .collect();
    let (errors, warnings) = loaded.count();
    json!({
        "ok": errors == 0, "errors": errors, "warnings": warnings, "findings": findings,
        "socket": loaded.config.as_ref().map(|c| &c.server.socket),
        "storage": loaded.config.as_ref().map(|c| &c.storage.paths),
        "streams": streams,
        "rules": loaded.config.as_ref().map(|config| rules::as_json(config, measured)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use nvr_base::text::Locale;

    const GOOD: &str = r#"
[storage]
path = "footage"
[[camera]]
id = "gate"
url = "rtsp://10.0.0.1/main"
sub_url = "rtsp://10.0.0.1/sub"
[[camera]]
id = "shop"
url = "rtsp://10.0.0.2/main"
audio = true
legal_basis = "consent of all"
[[camera]]
id = "yard"
url = "rtsp://10.0.0.3/main"
record = false
"#;

    /// Output with the folder's name replaced by `DIR`, and whether there was no error.
    fn output(text: &str, json: bool, probe: Option<Probe<'_>>, locale: Locale) -> (String, bool) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("footage")).unwrap();
        let file = folder.path().join("nvr.toml");
        std::fs::write(&file, text).unwrap();
        let mut out = Vec::new();
        let ok = check(&file, json, probe, &Texts::new(locale), &mut out).unwrap();
        let dir = folder.path().to_string_lossy().into_owned();
        (String::from_utf8(out).unwrap().replace(&dir, "DIR"), ok)
    }

    fn probe(streams: &[StreamConfig]) -> Vec<Result<Probed, String>> {
        let sends = |stores_audio: bool| {
            Ok(Probed { codec: Codec::H264, width: 1920, height: 1080, sends_audio: true, stores_audio })
        };
        let answer = |s: &StreamConfig| match s.id.to_string().as_str() {
            "gate/main" => sends(false),
            "gate/sub" => Err("connection refused\u{1b}[2J".into()),
            _ => sends(true),
        };
        streams.iter().map(answer).collect()
    }

    #[test]
    fn says_what_a_good_configuration_does() {
        let (text, ok) = output(GOOD, false, Some(&probe), Locale::En);
        assert!(ok);
        assert_eq!(
            text,
            "\
storage DIR/footage
socket DIR/footage/nvr.sock (the default, beside the footage)
footage is kept 30 days, sub-streams 30 days
gate/main: rtsp://10.0.0.1/…, kept 30 days
gate/sub: rtsp://10.0.0.1/…, kept 30 days
shop/main: rtsp://10.0.0.2/…, kept 30 days, with sound (consent of all)
yard: not recorded
gate/main: sends H.264 1920×1080 and sound; the sound is discarded
gate/sub: no answer: connection refused[2J
shop/main: sends H.264 1920×1080 and sound; the sound is stored
3 cameras, 0 errors, 0 warnings
"
        );
    }

    #[test]
    fn says_what_is_wrong_and_the_remedy() {
        let bad = GOOD.replace("path =", "pth =").replace("rtsp://10.0.0.2", "rtsp://root:hunter2@10.0.0.2");
        let (text, ok) = output(&bad, false, None, Locale::En);
        assert!(!ok);
        assert_eq!(
            text,
            "\
DIR/nvr.toml:2:2: error: the key “path” is missing
    remedy: Say where footage goes, such as path = \"/var/lib/nvr\" in [storage].
DIR/nvr.toml:3:1: error: there is no key “pth” here
    remedy: Did you mean “path”?
DIR/nvr.toml:10:7: error: there is a password in “camera[shop].url”
    remedy: Take it out of the address, write it into a file of its own with mode 600, and name that with password_file = \"…\".
nothing to start: mend the 3 errors above
"
        );
    }

    #[test]
    fn json_has_the_same_facts() {
        let (text, ok) = output(GOOD, true, Some(&probe), Locale::En);
        let value: Value = serde_json::from_str(&text).unwrap();
        assert!(ok && value["ok"] == true);
        assert_eq!(value["streams"][0]["probe"]["sends_audio"], true);
        assert_eq!(value["socket"], "DIR/footage/nvr.sock");

        let (text, ok) = output("[[camera]]\n", true, None, Locale::Fr);
        let value: Value = serde_json::from_str(&text).unwrap();
        assert!(!ok && value["ok"] == false);
        assert_eq!(value["findings"][1]["id"], "missing-key");
        assert_eq!(value["findings"][1]["line"], 1);
        assert_eq!(value["findings"][1]["message"], "la clé « id » manque");
    }

    #[test]
    fn an_unreadable_file_is_an_error_with_a_remedy() {
        let mut out = Vec::new();
        let ok = check(Path::new("/nonexistent/nvr.toml"), false, None, &Texts::new(Locale::En), &mut out)
            .unwrap();
        assert!(!ok);
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains("/nonexistent/nvr.toml cannot be read: No such file"), "{text}");
        assert!(text.contains("--config"), "{text}");
    }
}
