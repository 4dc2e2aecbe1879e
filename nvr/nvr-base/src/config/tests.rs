//! Tables: text in, findings out.

use super::*;
use crate::text::{Locale, Texts};
use std::os::unix::fs::PermissionsExt;

/// `line:column key id` of each finding; a configuration exactly when none is an error.
fn found(text: &str) -> Vec<String> {
    let (config, findings) = parse_text(text);
    let errors = findings.iter().any(|f| f.severity() == Severity::Error);
    assert_eq!(config.is_none(), errors, "{text}\n{findings:?}");
    findings
        .iter()
        .map(|f| {
            let place = f.place.map_or(String::new(), |p| format!("{}:{} ", p.line, p.column));
            format!("{place}{} {}", f.key, f.id.as_str())
        })
        .collect()
}

#[track_caller]
pub(super) fn check(text: &str, expected: &[&str]) {
    assert_eq!(found(text), expected, "\n{text}");
}

pub(super) const STORAGE: &str = "storage.path = \"/s\"\n";
pub(super) const CAMERA: &str = "[[camera]]\nid = \"gate\"\nurl = \"rtsp://10.0.0.1/main\"\n";

/// `lines` in a good camera that starts at line 2; the first of `lines` is line 5.
#[track_caller]
fn check_camera(lines: &str, expected: &[&str]) {
    check(&format!("{STORAGE}{CAMERA}{lines}"), expected);
}

/// `lines` below a good camera; the first of `lines` is line 5.
#[track_caller]
fn check_storage(lines: &str, expected: &[&str]) {
    check(&format!("{CAMERA}[storage]\n{lines}"), expected);
}

#[test]
fn a_good_configuration_is_read_completely() {
    let text = r#"
[storage]
paths = ["/disk1/nvr/", "rel/./disk2"]
keep_days = 40
sub_keep_days = 10
keep_free_percent = 7
max_bytes = "1.5 TB"
legal_basis = "prefect's order 12"
[server]
socket = "/run/nvr/nvr.sock"
[server.roles]
viewer = ["anna", "DOMAIN.bob"]
administrator = ["root"]
[site]
name = "Port"
regime = "private-site"
timezone = "Europe/Paris"
[[camera]]
id = "gate"
name = "North gate"
url = "rtsp://admin@10.0.0.1:8554/main"
password_file = "gate.pw"
sub_url = "rtsp://admin@10.0.0.1:8554/sub"
transport = "udp"
audio = true
legal_basis = "contract"
masks = [[[0, 0], [0.5, 0], [0.5, 0.1]]]
keep_days = 7
[[camera]]
id = "bench"
url = "v4l2:/dev/v4l/by-path/x"
width = 1280
height = 720
fps = 25
format = "MJPG"
bitrate_kbps = 2000
record = false
"#;
    let (config, findings) = parse_text(text);
    assert!(findings.is_empty(), "{findings:?}");
    let mut config = config.unwrap();
    config.resolve(Path::new("/etc/nvr"));
    let paths: Vec<_> = config.storage.paths.iter().map(|p| p.to_str().unwrap()).collect();
    assert_eq!(paths, ["/disk1/nvr", "/etc/nvr/rel/disk2"]);
    assert_eq!(config.storage.max_bytes, Some(1_500_000_000_000));
    assert_eq!(config.server.roles_of("anna"), [Role::Viewer]);
    assert_eq!(config.site.regime, Some(Regime::PrivateSite));
    let streams: Vec<String> = config
        .streams()
        .iter()
        .map(|s| format!("{} {} {} {}", s.id, s.address, s.audio, s.keep_days))
        .collect();
    assert_eq!(
        streams,
        ["gate/main rtsp://10.0.0.1:8554/… true 7", "gate/sub rtsp://10.0.0.1:8554/… false 7"]
    );
    let mut here = parse_text(&format!("storage.path = \".\"\n{CAMERA}")).0.unwrap();
    here.resolve(Path::new("/etc/nvr"));
    assert_eq!(here.server.socket.to_str(), Some("/etc/nvr/nvr.sock"));
    let gate = &config.cameras[0];
    assert_eq!(gate.password, Some(Password::File("/etc/nvr/gate.pw".into())));
    assert_eq!(gate.main.rtsp().unwrap().user.as_deref(), Some("admin"));
    assert_eq!(gate.masks[0].0[1], crate::Point { x: 0.5, y: 0.0 });
    let unknown = StreamId::new("gone".parse().unwrap(), StreamKind::Sub);
    assert_eq!(config.keep_days(&unknown), 10);
}

#[test]
fn defaults() {
    let (config, _) = parse_text(&format!("{STORAGE}{CAMERA}"));
    let config = config.unwrap();
    assert_eq!((config.storage.keep_days, config.storage.sub_keep_days), (30, 30));
    assert_eq!((config.storage.keep_free_percent, config.storage.max_bytes), (5, None));
    assert_eq!(config.server.socket, Path::new("/s/nvr.sock"));
    assert!(config.server.socket_is_default);
    let camera = &config.cameras[0];
    assert_eq!((camera.name.as_str(), camera.transport, camera.audio), ("gate", Transport::Tcp, false));
}

#[test]
fn the_whole_file() {
    check("", &["1:1 storage.path missing-key", "1:1 camera no-camera"]);
    check(STORAGE, &["1:1 camera no-camera"]);
    check("\u{feff}storage.path = \"/s\"\ncamera = []", &[]);
    check(
        "storage = 1\ncamera = 2\nsite = []\nserver = true",
        &[
            "1:1 storage.path missing-key",
            "1:11 storage wrong-type",
            "2:10 camera wrong-type",
            "3:8 site wrong-type",
            "4:10 server wrong-type",
        ],
    );
    check(
        &format!("{STORAGE}camera = [1]\n[mqtt]\n[[http]]\n[strage]\n"),
        &[
            "2:11 camera wrong-type",
            "3:2 mqtt later-section",
            "4:3 http later-section",
            "5:2 strage unknown-key",
        ],
    );
}

#[test]
fn syntax_errors_do_not_hide_what_follows() {
    let text =
        "storage.path = \"/s\"\nx = = 1\n[[camera]]\nid = \"a\"\nurl = \"rtsp://10.0.0.1/\"\nid = \"b\"\n";
    let got = found(text);
    assert!(got.iter().any(|f| f.starts_with("2:") && f.ends_with("syntax")), "{got:?}");
    assert!(got.iter().any(|f| f.starts_with("6:") && f.ends_with("syntax")), "{got:?}");
}

#[test]
fn storage() {
    check_storage("path = \"/s\"\nkeep_days = 31", &["6:13 storage.keep_days keep-needs-basis"]);
    check_storage("path = \"/s\"\nkeep_days = 31\nlegal_basis = \"law\"", &[]);
    check_storage("path = \"/s\"\nkeep_days = 0", &["6:13 storage.keep_days out-of-range"]);
    check_storage(
        "path = \"/s\"\nkeep_days = 99999999999999999999",
        &["6:13 storage.keep_days out-of-range"],
    );
    check_storage("path = \"/s\"\nkeep_days = \"30\"", &["6:13 storage.keep_days wrong-type"]);
    check_storage("path = \"/s\"\nkeepdays = 3", &["6:1 storage.keepdays unknown-key"]);
    check_storage("path = \"/s\"\nmax_bytes = \"many\"", &["6:13 storage.max_bytes bad-size"]);
    check_storage("path = \"/s\"\nmax_bytes = 0", &["6:13 storage.max_bytes bad-size"]);
    check_storage("path = \"/s\"\npaths = [\"/t\"]", &["5:8 storage.path exclusive-keys"]);
    check_storage("paths = []", &["5:9 storage.paths empty-text"]);
    check_storage("paths = [\"/a\", \"/a/b\"]", &["5:16 storage.paths storage-overlap"]);
    check_storage("paths = [\"/a\", \"/a/./\"]", &["5:16 storage.paths storage-overlap"]);
    check_storage("paths = [\"/a\", 2]", &["5:16 storage.paths wrong-type"]);
    check_storage("path = \" \"", &["5:8 storage.path empty-text"]);
}

#[test]
fn server_and_site() {
    check_camera("[server]\nroles = { viwer = [] }", &["6:11 server.roles.viwer unknown-key"]);
    check_camera(
        "[server.roles]\nviewer = [\"a b\", \"-x\"]",
        &["6:11 server.roles.viewer bad-account", "6:18 server.roles.viewer bad-account"],
    );
    check_camera("[site]\nregime = \"private\"", &["6:10 site.regime not-a-choice"]);
    check_camera("[site]\ntimezone = \"../etc\"", &["6:12 site.timezone bad-timezone"]);
}

#[test]
fn cameras() {
    check(
        &format!("{STORAGE}[[camera]]"),
        &["2:1 camera[#1].id missing-key", "2:1 camera[#1].url missing-key"],
    );
    check_camera(
        "[[camera]]\nid = \"Gate\"\nurl = \"rtsp://10.0.0.2/\"",
        &["6:6 camera[#2].id bad-camera-id"],
    );
    // A broken address does not hide the repeated id.
    check_camera(
        "[[camera]]\nid = \"gate\"\nurl = \"nowhere\"",
        &["6:1 camera[gate].id duplicate-camera-id", "7:7 camera[gate].url bad-address"],
    );
    check_camera(
        "[[camera]]\nid = \"b\"\nurl = \"rtsp://10.0.0.1:554/main\"",
        &["7:1 camera[b].url duplicate-address"],
    );
    check_camera("sub_url = \"rtsp://10.0.0.1/main\"", &["5:11 camera[gate].sub_url sub-equals-main"]);
    check_camera(
        "sub_url = \"rtsp://10.0.0.1/sub\"\n[[camera]]\nid = \"b\"\nurl = \"rtsp://10.0.0.1/third\"",
        &["8:1 camera[b].url many-sessions"],
    );
    check_camera("audio = true", &["5:1 camera[gate].audio audio-needs-basis"]);
    check_camera("audio = true\nlegal_basis = \"\"", &["6:15 camera[gate].legal_basis empty-text"]);
    check_camera("keep_days = 31", &["5:13 camera[gate].keep_days keep-needs-basis"]);
    check_camera("transport = \"tpc\"", &["5:13 camera[gate].transport not-a-choice"]);
    check_camera("fps = 25", &["5:1 camera[gate].fps key-not-for-source"]);
    check_camera("sub_keep_days = 3", &["5:1 camera[gate].sub_keep_days key-without"]);
    check_camera("masks = [[[0,0],[1,0]]]", &["5:10 camera[gate].masks bad-mask"]);
    check_camera(
        "masks = [[[0,0],[1,0],[1,2]], 3]",
        &["5:10 camera[gate].masks bad-mask", "5:31 camera[gate].masks wrong-type"],
    );
    check_camera("nmae = \"x\"", &["5:1 camera[gate].nmae unknown-key"]);
}

#[test]
fn addresses_and_passwords() {
    let url = |url: &str, more: &str| format!("{STORAGE}[[camera]]\nid = \"a\"\nurl = \"{url}\"\n{more}");
    let check_url = |address: &str, more: &str, expected: &[&str]| check(&url(address, more), expected);
    check_url("rtsp://a:hunter2@h/", "", &["4:7 camera[a].url password-in-address"]);
    check_url("rtsp://a@h/", "", &["4:1 camera[a].url user-without-password"]);
    check_url("rtsp://h/", "password_file = \"x\"", &["5:1 camera[a].password_file password-without-user"]);
    check_url("rtsp://a@h/", "password = \"hunter2\"", &["5:1 camera[a].password password-in-config"]);
    check_url("rtsp://a@h/", "password_env = \"hunter 2\"", &["5:16 camera[a].password_env bad-variable"]);
    check_url(
        "rtsp://a@h/",
        "password_env = \"V\"\npassword_file = \"x\"",
        &["5:1 camera[a].password_env exclusive-keys"],
    );
    check_url("rtsp://h/?password=hunter2", "", &["4:7 camera[a].url password-in-query"]);
    check_url("http://h/", "", &["4:7 camera[a].url bad-scheme"]);
    check_url("v4l2:video0", "", &["4:7 camera[a].url bad-device-path"]);
    check_url("v4l2:/dev/video0", "", &["4:7 camera[a].url device-number"]);
    check_url(
        "v4l2:/dev/v4l/by-id/x",
        "transport = \"tcp\"",
        &["5:1 camera[a].transport key-not-for-source"],
    );
}

#[test]
fn no_finding_and_no_debug_text_shows_a_password() {
    let texts = [Texts::new(Locale::En), Texts::new(Locale::Fr)];
    for line in [
        "url = \"rtsp://admin:hunter2@10.0.0.1/\"",
        "url = \"rtsp://admin:hunter2/@10.0.0.1/\"",
        "url = \"rtsp://admin:#hunter2@10.0.0.1/\"",
        "url = \"http://admin:hunter2@10.0.0.1/\"",
        "url = \"rtsp://10.0.0.1/user=admin&password=hunter2\"",
        "url = \"rtsp://10.0.0.1/?pwd=hunter2\"",
        "url = \"admin:hunter2@10.0.0.1\"",
        "url = \"//admin:hunter2@10.0.0.1\"",
        "password = \"hunter2\"",
        "password = \"hunter2",
        "password_env = \"hunter2!\"",
        "url = \"rtsp://admin:hunter2@10.0.0.1/",
    ] {
        let (config, findings) = parse_text(&format!("{STORAGE}[[camera]]\nid = \"a\"\n{line}\n"));
        assert!(!findings.is_empty(), "{line}");
        for shown in findings.iter().flat_map(|f| texts.iter().flat_map(|t| [f.message(t), f.remedy(t)])) {
            assert!(!shown.contains("hunter2"), "{line}: {shown}");
        }
        assert!(!format!("{config:?} {findings:?}").contains("hunter2"), "{line}");
    }
}

const TEN: &str = r#"
[storage]
path = "/var/lib/nvr"
keep_days = 90
keepfree_percent = 5

[mqtt]
path = "x"

[[camera]]
id = "North Gate"
url = "rtsp://10.0.0.1/main"
audio = true

[[camera]]
id = "yard"
url = "rtsp://admin:hunter2@10.0.0.2/main"
transport = "tpc"

[[camera]]
id = "yard"
url = "10.0.0.3/main"
keep_days = "a week"
"#;

#[test]
fn ten_mistakes_are_ten_findings() {
    let expected = [
        "4:13 storage.keep_days keep-needs-basis",
        "5:1 storage.keepfree_percent unknown-key",
        "7:2 mqtt later-section",
        "11:6 camera[#1].id bad-camera-id",
        "13:1 camera[#1].audio audio-needs-basis",
        "17:7 camera[yard].url password-in-address",
        "18:13 camera[yard].transport not-a-choice",
        "21:1 camera[yard].id duplicate-camera-id",
        "22:7 camera[yard].url bad-address",
        "23:13 camera[yard].keep_days wrong-type",
    ];
    check(TEN, &expected);
}

#[test]
fn ten_mistakes_in_french() {
    let texts = Texts::new(Locale::Fr);
    let got: Vec<String> = parse_text(TEN).1.iter().map(|f| f.message(&texts)).collect();
    assert_eq!(
        got,
        [
            "90 jours dépassent les 30 admis sans base légale",
            "la clé « keepfree_percent » n'existe pas ici",
            "la section « mqtt » n'existe pas encore dans cette version",
            "« North Gate » n'est pas un identifiant de caméra",
            "le son ne peut pas être enregistré sans base légale",
            "il y a un mot de passe dans « camera[yard].url »",
            "« camera[yard].transport » ne connaît pas « tpc »",
            "l'identifiant « yard » est déjà pris, à la ligne 16",
            "« 10.0.0.3/main » n'est pas une adresse de caméra",
            "« camera[yard].keep_days » est un texte et doit être un nombre entier",
        ]
    );
}

#[test]
fn hostile_texts_are_bounded_and_survived() {
    let deep = format!("x = {}", "[".repeat(100_000));
    let tables = "[a.".repeat(50_000);
    let many = (0..2000).map(|i| format!("k{i} = 1\n")).collect::<String>();
    let cameras = "[[camera]]\n".repeat(CAMERAS_MAX + 1);
    for text in [deep.as_str(), &tables, &many, &cameras, "\0", "\u{1b}[2J = 1", "a\r\nb", "[storage", "= ="]
    {
        let (config, findings) = parse_text(text);
        assert!(config.is_none());
        assert!((1..=finding::FINDINGS_MAX + 1).contains(&findings.len()));
    }
    let big = "#".repeat(CONFIG_BYTES_MAX as usize + 1);
    check(&big, &["1:1  file-too-big"]);
    assert_eq!(parse_text(&many).1.last().unwrap().id, FindingId::TooManyFindings);
}

#[test]
fn any_cut_of_a_good_text_is_survived() {
    let text = format!("{STORAGE}{CAMERA}{TEN}");
    for end in (0..text.len()).filter(|i| text.is_char_boundary(*i)) {
        let _ = parse_text(&text[..end]);
        let _ = parse_text(&text[end..]);
    }
}

/// Loads `text` from a folder that `prepare` filled; `DIR` in the text is that folder.
#[track_caller]
fn check_load(text: &str, prepare: impl Fn(&Path), expected: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    prepare(folder.path());
    let dir = folder.path().to_str().unwrap();
    let file = folder.path().join("nvr.toml");
    std::fs::write(&file, text.replace("DIR", dir)).unwrap();
    let loaded = load(&file);
    let got: Vec<String> = loaded
        .findings
        .iter()
        .map(|f| format!("{} {} {}", f.place.map_or(0, |p| p.line), f.key, f.id.as_str()))
        .collect();
    assert_eq!(got, expected, "{text}");
    if let Some(config) = &loaded.config {
        assert_eq!(check_files(config).len(), loaded.findings.len(), "the same from the configuration alone");
        assert!(config.storage.paths.iter().all(|p| p.is_absolute()));
    }
}

fn write(path: &Path, text: &str, mode: u32) {
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn folders_files_and_devices() {
    let nothing = |_: &Path| {};
    let user = "[[camera]]\nid = \"gate\"\nurl = \"rtsp://a@10.0.0.1/main\"\n";
    let with = |line: &str| format!("storage.path = \"DIR\"\n{user}{line}");
    check_load(&format!("storage.path = \".\"\n{CAMERA}"), nothing, &[]);
    check_load(&format!("storage.path = \"new/er\"\n{CAMERA}"), nothing, &["1 storage.path storage-missing"]);
    let file = |dir: &Path| write(&dir.join("f"), "", 0o600);
    check_load(&format!("storage.path = \"f\"\n{CAMERA}"), file, &["1 storage.path storage-not-folder"]);
    check_load(&format!("storage.path = \"f/g\"\n{CAMERA}"), file, &["1 storage.path storage-not-folder"]);
    let knot = |dir: &Path| std::os::unix::fs::symlink("knot", dir.join("knot")).unwrap();
    check_load(
        &format!("storage.path = \"knot\"\n{CAMERA}"),
        knot,
        &["1 storage.path storage-no-permission"],
    );
    check_load(
        &format!("storage.paths = [\"a\", \"b\"]\n{CAMERA}"),
        nothing,
        &["1 storage.paths storage-missing", "1 storage.paths storage-same-disk"],
    );
    check_load(
        &with("password_file = \"pw\""),
        nothing,
        &["5 camera[gate].password_file password-file-missing"],
    );
    let pw = |text: &'static str, mode| move |dir: &Path| write(&dir.join("pw"), text, mode);
    check_load(&with("password_file = \"pw\""), pw("x", 0o600), &[]);
    check_load(
        &with("password_file = \"pw\""),
        pw("x", 0o640),
        &["5 camera[gate].password_file password-file-open"],
    );
    check_load(
        &with("password_file = \"pw\""),
        pw("\n", 0o600),
        &["5 camera[gate].password_file password-file-empty"],
    );
    check_load(
        &with("password_file = \".\""),
        nothing,
        &["5 camera[gate].password_file password-file-unreadable"],
    );
    check_load(
        &with("password_env = \"NVR_TEST_UNSET\""),
        nothing,
        &["5 camera[gate].password_env variable-unset"],
    );
    check_load(
        "storage.path = \".\"\n[[camera]]\nid = \"a\"\nurl = \"v4l2:/dev/v4l/by-path/none\"",
        nothing,
        &["4 camera[a].url device-missing"],
    );
    check_load(
        &format!("storage.path = \".\"\nserver.socket = \"none/s\"\n{CAMERA}"),
        nothing,
        &["2 server.socket socket-folder"],
    );
    check_load(
        &format!("storage.path = \".\"\nsite.timezone = \"Europe/Atlantis\"\n{CAMERA}"),
        nothing,
        &["2 site.timezone unknown-timezone"],
    );
    // Mistakes of the text do not hide those of the files.
    check_load(
        &format!("storage.path = \".\"\n{user}password_file = \"pw\"\nnmae = \"x\""),
        nothing,
        &["5 camera[gate].password_file password-file-missing", "6 camera[gate].nmae unknown-key"],
    );
}

#[test]
fn files_that_are_no_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("f");
    let check = |expected: FindingId| {
        let loaded = load(&file);
        assert!(loaded.config.is_none());
        assert_eq!(loaded.findings.iter().map(|f| f.id).collect::<Vec<_>>(), [expected]);
        assert_eq!(loaded.count(), (1, 0));
    };
    check(FindingId::FileUnreadable);
    std::fs::write(&file, b"a = \"\xff\"").unwrap();
    check(FindingId::FileNotUtf8);
    std::fs::write(&file, "#".repeat(CONFIG_BYTES_MAX as usize + 1)).unwrap();
    check(FindingId::FileTooBig);
}
