//! Decodes a file as the analysis does and says what came: `cargo run -p nvr-media --example frames -- clip.mp4`.
#![allow(clippy::print_stdout)] // It prints.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    for path in std::env::args().skip(1) {
        let began = std::time::Instant::now();
        let mut reader = nvr_media::frames::FrameReader::new(std::fs::File::open(&path)?.into())?;
        let (mut count, mut last, mut size) = (0, 0, (0, 0));
        while let Some(frame) = reader.next_frame()? {
            (count, last, size) = (count + 1, frame.at_us, (frame.width, frame.height));
        }
        let took = began.elapsed().as_secs_f64();
        println!(
            "{path}: {count} frames of {size:?}, last at {last} us, {} untimed, {took:.2} s",
            reader.untimed
        );
    }
    Ok(())
}
