//! Tables: `[[rule]]`, `[plugins]` and `[models]` of a whole configuration.

#![allow(clippy::unwrap_used, reason = "a test may stop on what it did not expect")]

use super::tests::{CAMERA, STORAGE, check};
use super::*;

#[test]
fn rules_plugins_and_models() {
    let site = "[site]\nregime = \"private-site\"\n";
    let rule = "[[rule]]\nid = \"r\"\nsituation = \"fire\"\ncamera = \"gate\"\n";
    // The first of `lines` is line 7, the rule begins in line 7 when there are none.
    let check_rules = |lines: &str, expected: &[&str]| {
        check(&format!("{STORAGE}{CAMERA}{site}{lines}"), expected);
    };
    check_rules(rule, &[]);
    check_rules(&rule.replace("gate", "gaet"), &["7:1 rule[r].camera unknown-camera"]);
    check_rules(&rule.replace("camera = \"gate\"", ""), &["7:1 rule[r].camera missing-key"]);
    check_rules(&rule.replace("id = \"r\"", ""), &["7:1 rule[fire-1].id rule-without-id"]);
    check_rules(&format!("{rule}{rule}"), &["11:1 rule[r].id duplicate-rule-id"]);
    check_rules(&format!("{rule}zone = [[0,0],[1,0],[0.5,0]]"), &["11:8 rule[r].zone bad-zone"]);
    check(&format!("{STORAGE}{CAMERA}{rule}"), &["5:1 rule rules-not-armed"]);
    check_rules(
        &format!(
            "{rule}[[camera]]\nid = \"b\"\nurl = \"nowhere\"\n[[rule]]\nid = \"s\"\nsituation = \"fire\"\ncamera = \"b\""
        ),
        &["13:7 camera[b].url bad-address"],
    );
    check(
        &format!("{STORAGE}{CAMERA}record = false\n{site}{rule}"),
        &["8:1 rule[r].camera rule-without-stream"],
    );
    check_rules("[plugins]\ntrusted_keys = [\"x\"]", &["8:17 plugins.trusted_keys bad-trusted-key"]);
    check_rules("[plugins]\nunsigned = true", &["8:1 plugins.unsigned unknown-key"]);
    check_rules("[models]\npath = 1", &["8:8 models.path wrong-type"]);

    let key = format!("RW{}", "Q".repeat(54));
    let more = format!(
        "{rule}zone = [[0,0.6],[1,0.6],[1,1]]\nmax_persons = 3\n[plugins]\npath = \"p\"\nallow_unsigned = true\n\
         trusted_keys = [\"{key}\"]\n[models]\npath = \"/m\"\ndetector = \"nanodet-g-416\""
    );
    let mut config = parse_text(&format!("{STORAGE}{CAMERA}{site}{more}")).0.unwrap();
    config.resolve(Path::new("/etc/nvr"));
    let rule = config.rule("r").unwrap();
    assert_eq!(rule.camera.as_ref().map(CameraId::as_str), Some("gate"));
    assert!(rule.extra.contains_key("max_persons") && rule.zone.is_some());
    assert_eq!(config.rules_of(&"gate".parse().unwrap()).count(), 1);
    assert_eq!(config.plugins.path, Path::new("/etc/nvr/p"));
    assert!(config.plugins.allow_unsigned && !config.plugins.path_is_default);
    assert_eq!(config.plugins.trusted_keys, [key]);
    assert_eq!(
        (config.models.path.to_str(), config.models.detector.as_deref()),
        (Some("/m"), Some("nanodet-g-416"))
    );
    let config = parse_text(&format!("{STORAGE}{CAMERA}")).0.unwrap();
    assert_eq!(config.plugins, Plugins::default());
    assert_eq!(config.plugins.path, Path::new("/usr/lib/nvr/plugins"));
    assert!(config.models.path_is_default && config.rules.is_empty());
}
