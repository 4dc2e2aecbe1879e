//! What comes in, who takes it: scripts of a line.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may stop on what it did not expect"
)]

use super::*;
use nvr_base::Codec;

fn sample(at_ms: i64, key: bool, came_ms: i64) -> Queued {
    let (at_us, came_us) = (at_ms * 1000, came_ms * 1000);
    Queued { at_us, wall_us: 0, key, due: false, alone: false, after_hole: false, came_us, data: vec![0; 10] }
}

fn order(fps: f32) -> CameraOrder {
    CameraOrder { fps, ..CameraOrder::default() }
}

/// Words of a script: `a5` camera a wants 5 frames a second; `a=2` gets 2 (`a=2k`: by key frames); `aK@100` a key frame at
/// 100 ms that comes at once, `ap@100` another; `ah` a hole; `af` a format; `-a` forgotten; `<a` back; `>500` somebody takes
/// work at 500 ms, which is written down: the camera, `*` with a new order of which rate, the samples (`!` due, `~` after a
/// hole).
fn check(script: &str, expected: &str) -> Desk {
    let mut desk = Desk::default();
    let mut lives = BTreeMap::new();
    let mut said = Vec::new();
    let number = |name: char| CameraNumber::from(name as u8 - b'a');
    for word in script.split_whitespace() {
        let chars: Vec<char> = word.chars().collect();
        let rest = |from: usize| chars[from..].iter().collect::<String>();
        match chars[0] {
            '-' => desk.forget(number(chars[1])),
            '<' => {
                desk.back(number(chars[1]), lives[&chars[1]]);
            }
            '>' => {
                let Some(job) = desk.take(rest(1).parse::<i64>().unwrap() * 1000) else {
                    said.push("nobody".to_owned());
                    continue;
                };
                let name = char::from(b'a' + job.camera as u8);
                lives.insert(name, job.life);
                let shown = job.samples.iter().map(|s| {
                    let (hole, due) = (if s.after_hole { "~" } else { "" }, if s.due { "!" } else { "" });
                    format!(",{hole}{}{due}", s.at_us / 1000)
                });
                let new = job.order.map_or(String::new(), |order| format!("*{}", order.fps));
                said.push(format!("{name}{new}{}", shown.collect::<String>()));
            }
            name => match chars[1] {
                '=' => {
                    let text = rest(2);
                    let fps = text.trim_end_matches('k').parse().unwrap();
                    desk.pace(number(name), Pace { fps, keys_only: text.ends_with('k') });
                }
                'h' => desk.hole(number(name)),
                'f' => {
                    let (codec, config) = (Codec::H264, Vec::new());
                    desk.format(
                        number(name),
                        VideoFormat { codec, width: 9, height: 9, config, reorder_depth: 0 },
                    );
                }
                kind @ ('K' | 'p') => {
                    let at = rest(3).parse().unwrap();
                    desk.sample(number(name), sample(at, kind == 'K', at));
                }
                _ => {
                    desk.order(number(name), order(rest(1).parse().unwrap()));
                }
            },
        }
    }
    assert_eq!(said.join(" "), expected, "{script}");
    desk
}

#[test]
fn the_picture_that_waited_longest_is_next() {
    check("a5 b5 aK@0 bK@10 >20 >20 >20", "a*5,0! b*5,10! nobody");
    check("a5 b5 bK@0 aK@10 >20 >20", "b*5,0! a*5,10!");
    // Between due pictures nothing is done; then all that waits is taken.
    check("a5 aK@0 >0 <a ap@100 >100 ap@200 >200", "a*5,0! nobody a,100,200!");
    // What nobody needs is decoded all the same before it is much.
    let undue: String = (1..=SAMPLES_UNDUE_MAX).map(|n| format!("ap@{} ", n * 10)).collect();
    let taken: String = (1..=SAMPLES_UNDUE_MAX).map(|n| format!(",{}", n * 10)).collect();
    check(&format!("a1 aK@0 >0 <a {undue} >200"), &format!("a*1,0! a{taken}"));
}

#[test]
fn a_camera_is_with_one_thread() {
    check("a5 aK@0 >0 ap@200 >200 <a >200", "a*5,0! nobody a,200!");
    check("a5 aK@0 >0 -a <a ap@200 >200", "a*5,0! nobody");
    // Forgotten and back again while a thread still has it: what that thread had is of another life.
    check("a5 aK@0 >0 -a a2 aK@200 >200 ap@900 >900", "a*5,0! a*2,200! nobody");
    let mut desk = check("a5 aK@0 >0 -a a2 aK@200", "a*5,0!");
    assert!(!desk.back(0, 1) && desk.take(0).is_some_and(|job| job.life == 2 && desk.back(0, 2)));
}

#[test]
fn orders_formats_and_holes() {
    check("a5 aK@0 >0 <a a10 ap@100 >100", "a*5,0! a*10,100!");
    check("a5 aK@0 >0 <a ah ap@200 aK@400 >400", "a*5,0! a,~400!");
    check("a5 aK@0 ap@100 af ap@200 aK@300 >300", "a*5,~300!");
    check("aK@0 >0", "nobody");
    // Time runs back without a word.
    check("a5 aK@9000 >9000 <a aK@100 >9000", "a*5,9000! a,100!");
    // One that is late goes on at its newest key frame.
    check("a5 aK@0 ap@200 ap@400 aK@600 ap@800 >1500", "a*5,0!,200!,400!,600!,800!");
    check("a5 aK@0 ap@200 ap@400 aK@600 ap@800 >1501", "a*5,~600!,800!");
}

#[test]
fn rates_that_the_planner_gives() {
    check("a5 a=2 aK@0 ap@200 ap@400 ap@600 >600", "a*2,0!,200,400,600!");
    // Key frames alone; after that, what hangs on others waits for the next key frame.
    check("a5 a=1k aK@0 ap@200 aK@1000 >1000", "a*1,0!,1000!");
    check("a5 a=1k aK@0 >0 <a ap@200 a=5 ap@400 aK@1000 >1000", "a*1,0! a*5,~1000!");
    // Not looked at all: nothing waits, and later a key frame comes first.
    check("a5 a=0 aK@0 ap@100 >100 a=5 ap@200 aK@300 >300", "nobody a*5,~300!");
    // A cut rate stays cut when the order changes, an uncut one follows it.
    check("a5 a=2 a8 aK@0 >0", "a*2,0!");
    check("a5 a3 aK@0 >0", "a*3,0!");
}

#[test]
fn everything_is_bounded() {
    let mut desk = Desk::default();
    assert!((0..CAMERAS_MAX).all(|n| desk.order(n as u16, order(5.0))));
    assert!(!desk.order(CAMERAS_MAX as u16, order(5.0)) && desk.order(0, order(6.0)));
    for _ in 0..ASKS_MAX * 2 {
        desk.ask(0, 0, vec![1]);
    }
    let large = |n: i64| Queued { data: vec![0; 2 << 20], ..sample(n, true, n) };
    (0..400_u16).for_each(|n| desk.sample(n, large(0)));
    assert!(desk.bytes <= BYTES_MAX);
    assert_eq!(desk.dropped(), 400 - (BYTES_MAX as u64 >> 21));
    let mut jobs = 0;
    while let Some(job) = desk.take(0) {
        assert!(job.asks.len() <= ASKS_MAX);
        jobs += 1;
    }
    assert_eq!((jobs, desk.bytes), (BYTES_MAX >> 21, 0));
    (0..CAMERAS_MAX).for_each(|n| desk.forget(n as u16));
    assert!(desk.seats.is_empty() && desk.waiting.is_empty());
}
