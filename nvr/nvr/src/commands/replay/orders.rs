//! What perception has to make for the rules of a replay, from what each rule's instance needs.
//!
//! Promises: pure; an order is made once, however many rules want the same; each instance's frames and results lie on
//!   the grid of its own inputs, so that what a rule gets does not depend on the other rules.
//! Leaves to others: handing things out (`feed`), making them (`nvr-perceive`).

use anyhow::bail;
use nvr_base::analysis::{
    CameraOrder, FPS_MAX, FRAME_ORDERS_MAX, FRAME_PX_MAX, FrameFormat, FrameOrder, INFERENCES_MAX,
    InferenceOrder, LooksAt, RINGS_MAX, RingNumber,
};
use nvr_base::geometry::Polygon;
use nvr_base::grid::Grid;
use nvr_plugins::protocol::{FrameNeed, InferenceNeed, Needs};

/// Lowest rate of inputs.
const FPS_MIN: f32 = 0.01;

/// What one instance gets of what is made.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Share {
    /// Inputs a second.
    pub(super) fps: f32,
    /// Its frames among the camera's orders.
    pub(super) frames: Vec<u16>,
    /// Its models.
    pub(super) inferences: Vec<u16>,
}

/// The camera's orders, and each instance's share.
#[derive(Debug, Default)]
pub(super) struct Orders {
    pub(super) camera: CameraOrder,
    pub(super) shares: Vec<Share>,
}

impl Orders {
    /// Of a camera with these masks.
    pub(super) fn new(masks: Vec<Polygon>) -> Self {
        let camera = CameraOrder { fps: FPS_MIN, masks, severity: 2, ..CameraOrder::default() };
        Self { camera, shares: Vec::new() }
    }

    /// Adds what an instance needs; `plugin` is the number of its plugin.
    pub(super) fn add(&mut self, plugin: usize, needs: &Needs) -> anyhow::Result<()> {
        let fps = if needs.fps > 0.0 { needs.fps.clamp(FPS_MIN, FPS_MAX) } else { 1.0 };
        let mut share = Share { fps, ..Share::default() };
        self.camera.fps = self.camera.fps.max(fps);
        for (all, own) in self.camera.labels.iter_mut().zip(needs.labels) {
            *all |= own;
        }
        let kinds = [(FrameFormat::Gray8, needs.gray), (FrameFormat::Rgb8, needs.rgb)];
        for (format, need) in kinds.into_iter().filter_map(|(format, need)| Some((format, need?))) {
            share.frames.push(self.frame(frame_order(plugin, format, &need, fps)?)?);
        }
        for need in &needs.inference {
            share.inferences.push(self.inference(inference_order(need, fps)?)?);
        }
        self.shares.push(share);
        Ok(())
    }

    fn frame(&mut self, order: FrameOrder) -> anyhow::Result<u16> {
        let all = &mut self.camera.frames;
        let known = all.iter().position(|o| *o == order);
        let number = known.unwrap_or(all.len());
        if known.is_none() {
            all.push(order);
        }
        if number >= FRAME_ORDERS_MAX {
            bail!("the rules want more than {FRAME_ORDERS_MAX} kinds of frames; replay with fewer at once");
        }
        Ok(u16::try_from(number)?)
    }

    fn inference(&mut self, order: InferenceOrder) -> anyhow::Result<u16> {
        let all = &mut self.camera.inference;
        // What one instance asks for is not for another.
        let same = |o: &InferenceOrder| *o == order && order.looks_at != LooksAt::Asked;
        let known = all.iter().position(same);
        let number = known.unwrap_or(all.len());
        if known.is_none() {
            all.push(order);
        }
        if number >= INFERENCES_MAX {
            bail!("the rules want more than {INFERENCES_MAX} models; replay with fewer at once");
        }
        Ok(u16::try_from(number)?)
    }
}

fn frame_order(plugin: usize, format: FrameFormat, need: &FrameNeed, fps: f32) -> anyhow::Result<FrameOrder> {
    if plugin >= RINGS_MAX {
        bail!("the rules name more than {RINGS_MAX} plugins that want frames; replay with fewer at once");
    }
    let side = |px: u32| px.clamp(1, FRAME_PX_MAX);
    Ok(FrameOrder {
        ring: RingNumber::try_from(plugin)?,
        format,
        width: side(need.width),
        height: side(need.height),
        fps_max: Grid::fraction(need.fps_max.max(FPS_MIN), fps),
    })
}

fn inference_order(need: &InferenceNeed, fps: f32) -> anyhow::Result<InferenceOrder> {
    let per_s_max = need.per_s_max.clamp(FPS_MIN, 1000.0);
    let (looks_at, per_s_max) = match need.region {
        1 => (LooksAt::Frame, Grid::fraction(per_s_max, fps)),
        2 => (LooksAt::Crops, per_s_max),
        3 => (LooksAt::Asked, per_s_max),
        other => bail!("a plugin wants model `{}` on region {other}, which is none", need.model),
    };
    let (model, min_score, labels) = (need.model.clone(), need.min_score, need.labels);
    Ok(InferenceOrder { model, looks_at, min_score, labels, per_s_max })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop on what it did not expect")]

    use super::*;

    fn gray(fps: f32, fps_max: f32) -> Needs {
        let gray = Some(FrameNeed { width: 320, height: 5000, fps_max });
        Needs { fps, gray, ..Needs::default() }
    }

    fn model(fps: f32, region: i32, per_s_max: f32) -> Needs {
        let need = InferenceNeed { model: "m".into(), region, min_score: 0.5, labels: [1, 0], per_s_max };
        Needs { labels: [1, 0], fps, inference: vec![need], ..Needs::default() }
    }

    /// Out: `fps/frames/models` of each instance, then the rates of the orders of frames, then of models.
    fn check(needs: &[(usize, Needs)], fps: f32, expected: &str) {
        let mut orders = Orders::new(Vec::new());
        for (plugin, needs) in needs {
            orders.add(*plugin, needs).unwrap();
        }
        orders.camera.check().unwrap();
        assert_eq!(orders.camera.fps, fps);
        let numbers = |all: &[u16]| all.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
        let mut said: Vec<String> = (orders.shares.iter())
            .map(|s| format!("{}/{}/{}", s.fps, numbers(&s.frames), numbers(&s.inferences)))
            .collect();
        said.extend(orders.camera.frames.iter().map(|o| format!("{}x{}@{}", o.width, o.height, o.fps_max)));
        said.extend(orders.camera.inference.iter().map(|o| format!("{:?}@{}", o.looks_at, o.per_s_max)));
        assert_eq!(said.join(" "), expected);
    }

    #[test]
    fn what_rules_need_together() {
        check(&[(0, gray(0.0, 1.0))], 1.0, "1/0/ 320x1920@1");
        // The same frames are made once a plugin, at a rate that divides its inputs'.
        let mixed = [(0, gray(5.0, 2.0)), (0, gray(5.0, 2.4)), (1, gray(5.0, 2.4)), (0, gray(10.0, 100.0))];
        let orders = "320x1920@1.6666666 320x1920@1.6666666 320x1920@10";
        check(&mixed, 10.0, &format!("5/0/ 5/0/ 5/1/ 10/2/ {orders}"));
        let models = [
            (0, model(5.0, 1, 5.0)),
            (1, model(5.0, 1, 5.0)),
            (0, model(5.0, 3, 2.0)),
            (0, model(5.0, 3, 2.0)),
        ];
        check(&models, 5.0, "5//0 5//0 5//1 5//2 Frame@5 Asked@2 Asked@2");
        check(&[(0, model(60.0, 2, 7.0))], 30.0, "30//0 Crops@7");
    }
}
