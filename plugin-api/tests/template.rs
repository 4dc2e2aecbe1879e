//! The template that `nvr plugin new` copies: it compiles, and does what its own test says.
//!
//! Promises: the very files, not a copy of them. Leaves to others: its Cargo.toml (`nvr plugin new` and its test).

#[allow(unreachable_pub, reason = "public in the crate it becomes")]
#[path = "../template/src/lib.rs"]
mod template;

use nvr_plugin_api::testkit::{Script, check, check_refused};
use template::MyDetector;

#[test]
fn two_at_once() {
    let script = Script::new(8.0)
        .person(1, &[(0.0, 0.3, 0.8), (8.0, 0.3, 0.8)])
        .person(2, &[(1.0, 0.6, 0.8), (4.0, 0.6, 0.8)]);
    let expected = ["3.0 begin crowd-density #1 n=2", "7.0 end crowd-density #1 3.0..4.0"];
    check::<MyDetector>(r#"{"at_once":2}"#, &script, &expected);
    check::<MyDetector>(r#"{"at_once":3}"#, &script, &[]);
    check_refused::<MyDetector>(r#"{"at_once":0}"#, "at_once");
}
