//! The motion filter of one track: a Kalman filter of constant velocity on centre, aspect and height.
//!
//! Promises: finite states, sizes above 0; the same result however often it predicts in between (noise is continuous in
//! time, so any frame rate will do); lengths are in picture heights on both axes.
//! Leaves to others: which measurement belongs to it (`association`).
//!
//! The state (cx, cy, a, h and their velocities) is SORT's and DeepSORT's (Bewley et al. 2016, Wojke et al. 2017) with
//! a noise of white acceleration (Bar-Shalom, Li, Kirubarajan 2001, §6.2.2). All noises are diagonal, so the filter of
//! eight states is exactly four of two.

use nvr_base::{Point, Rect};

/// Standard deviation of a measured centre or height, in sizes of the object (SORT's 1/20).
const MEASURED_STD: f64 = 0.05;
/// Spectral density of acceleration, as a deviation in sizes/s^1.5: a walker (0.8 sizes/s) may stop or turn in 1 s.
const ACCELERATION_STD: f64 = 0.8;
/// The same of height.
const GROWTH_STD: f64 = 0.3;
/// Deviation of the unknown first velocity, in sizes/s: walking is 0.8, running 2.
const FIRST_VELOCITY_STD: f64 = 1.2;
/// Deviation of a measured aspect, as a share of it.
const ASPECT_STD: f64 = 0.15;
/// How fast aspects change, as a share of them /s^1.5.
const ASPECT_CHANGE_STD: f64 = 0.1;
/// Smallest height and aspect.
const SIZE_MIN: f64 = 1e-4;
/// Largest aspect.
const ASPECT_MAX: f64 = 100.0;

/// A box in picture heights: `a` is width over height.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Shape {
    pub(crate) cx: f64,
    pub(crate) cy: f64,
    pub(crate) a: f64,
    pub(crate) h: f64,
}

impl Shape {
    /// From a normalised box; `aspect` is the picture's width over its height.
    pub(crate) fn new(rect: &Rect, aspect: f64) -> Self {
        let centre = rect.centre();
        let h = f64::from(rect.h).max(SIZE_MIN);
        let a = (f64::from(rect.w) * aspect / h).clamp(SIZE_MIN, ASPECT_MAX);
        Self { cx: f64::from(centre.x) * aspect, cy: f64::from(centre.y), a, h }
    }

    /// The normalised box.
    pub(crate) fn rect(&self, aspect: f64) -> Rect {
        let centre = Point { x: (self.cx / aspect) as f32, y: self.cy as f32 };
        Rect::around(centre, (self.a * self.h / aspect) as f32, self.h as f32)
    }

    /// The longer side, the unit of all noises.
    pub(crate) fn size(&self) -> f64 {
        self.h.max(self.a * self.h)
    }

    /// The shape `t` of the way to another, 0..1.
    pub(crate) fn towards(&self, other: &Shape, t: f64) -> Shape {
        let mix = |a: f64, b: f64| a + (b - a) * t;
        Shape {
            cx: mix(self.cx, other.cx),
            cy: mix(self.cy, other.cy),
            a: mix(self.a, other.a),
            h: mix(self.h, other.h),
        }
    }
}

/// Position and velocity on one axis with their covariance.
#[derive(Debug, Clone, Copy)]
struct Axis {
    x: f64,
    v: f64,
    xx: f64,
    xv: f64,
    vv: f64,
}

impl Axis {
    fn new(x: f64, std: f64, velocity_std: f64) -> Self {
        Self { x, v: 0.0, xx: std * std, xv: 0.0, vv: velocity_std * velocity_std }
    }

    fn predict(&mut self, dt_s: f64, noise_std: f64) {
        let q = noise_std * noise_std;
        self.x += self.v * dt_s;
        self.xx += dt_s * (2.0 * self.xv + dt_s * self.vv) + q * dt_s.powi(3) / 3.0;
        self.xv += dt_s * self.vv + q * dt_s.powi(2) / 2.0;
        self.vv += q * dt_s;
    }

    fn update(&mut self, measured: f64, std: f64) {
        let s = self.xx + std * std;
        if s <= 0.0 {
            return;
        }
        let (kx, kv) = (self.xx / s, self.xv / s);
        let innovation = measured - self.x;
        self.x += kx * innovation;
        self.v += kv * innovation;
        self.vv -= kv * self.xv;
        self.xv -= kx * self.xv;
        self.xx -= kx * self.xx;
    }
}

/// The filter.
#[derive(Debug, Clone)]
pub(crate) struct Filter {
    cx: Axis,
    cy: Axis,
    a: Axis,
    h: Axis,
}

impl Filter {
    /// From the first measurement.
    pub(crate) fn new(first: &Shape) -> Self {
        let (size, std) = (first.size(), MEASURED_STD * first.size());
        let velocity_std = FIRST_VELOCITY_STD * size;
        Self {
            cx: Axis::new(first.cx, std, velocity_std),
            cy: Axis::new(first.cy, std, velocity_std),
            a: Axis::new(first.a, ASPECT_STD * first.a, ASPECT_CHANGE_STD * first.a),
            h: Axis::new(first.h, MEASURED_STD * first.h, GROWTH_STD * first.h),
        }
    }

    /// On by `dt_s` seconds.
    pub(crate) fn predict(&mut self, dt_s: f64) {
        let shape = self.shape();
        self.cx.predict(dt_s, ACCELERATION_STD * shape.size());
        self.cy.predict(dt_s, ACCELERATION_STD * shape.size());
        self.a.predict(dt_s, ASPECT_CHANGE_STD * shape.a);
        self.h.predict(dt_s, GROWTH_STD * shape.h);
        // A box that shrinks to nothing, or grows beyond the picture, is the extrapolation of a jitter.
        let (before, after) = (shape, self.shape());
        if after.h < before.h / 2.0 || after.h > before.h * 2.0 {
            self.h.x = before.h;
            self.h.v = 0.0;
        }
    }

    /// Takes a measurement; `noise` scales its deviation, 1 for a sure one.
    pub(crate) fn update(&mut self, measured: &Shape, noise: f64) {
        let size = self.shape().size() * noise;
        self.cx.update(measured.cx, MEASURED_STD * size);
        self.cy.update(measured.cy, MEASURED_STD * size);
        self.a.update(measured.a, ASPECT_STD * measured.a * noise);
        self.h.update(measured.h, MEASURED_STD * measured.h * noise);
    }

    /// Lets the velocity fade by a factor 0..1: what is not seen does not go on for ever.
    pub(crate) fn slow(&mut self, factor: f64) {
        for axis in [&mut self.cx, &mut self.cy, &mut self.a, &mut self.h] {
            axis.v *= factor;
            axis.xv *= factor;
        }
    }

    /// Where it is.
    pub(crate) fn shape(&self) -> Shape {
        Shape {
            cx: self.cx.x,
            cy: self.cy.x,
            a: self.a.x.clamp(SIZE_MIN, ASPECT_MAX),
            h: self.h.x.max(SIZE_MIN),
        }
    }

    /// Velocity of the centre, in picture heights a second.
    pub(crate) fn velocity(&self) -> (f64, f64) {
        (self.cx.v, self.cy.v)
    }

    /// Squared Mahalanobis distance of a measured centre (two degrees of freedom).
    pub(crate) fn distance2(&self, measured: &Shape) -> f64 {
        let r = (MEASURED_STD * self.shape().size()).powi(2);
        let (dx, dy) = (measured.cx - self.cx.x, measured.cy - self.cy.x);
        dx * dx / (self.cx.xx + r) + dy * dy / (self.cy.xx + r)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOVING: Shape = Shape { cx: 0.2, cy: 0.5, a: 0.4, h: 0.2 };

    fn walked(steps: usize, dt_s: f64) -> Filter {
        let mut filter = Filter::new(&MOVING);
        for i in 1..=steps {
            filter.predict(dt_s);
            filter.update(&Shape { cx: 0.2 + 0.1 * dt_s * i as f64, ..MOVING }, 1.0);
        }
        filter
    }

    #[test]
    fn learns_a_velocity_at_any_rate() {
        for (steps, dt_s) in [(40, 0.1), (20, 0.2), (8, 0.5), (4, 1.0)] {
            let (vx, vy) = walked(steps, dt_s).velocity();
            assert!((vx - 0.1).abs() < 0.005 && vy.abs() < 1e-6, "{dt_s}: {vx} {vy}");
        }
    }

    #[test]
    fn prediction_does_not_depend_on_its_steps() {
        let (mut once, mut often) = (walked(10, 0.2), walked(10, 0.2));
        once.predict(1.0);
        (0..10).for_each(|_| often.predict(0.1));
        assert!((once.shape().cx - often.shape().cx).abs() < 1e-9);
        let there = Shape { cx: once.shape().cx + 0.05, ..MOVING };
        let (a, b) = (once.distance2(&there), often.distance2(&there));
        assert!((a - b).abs() < 0.02 * a, "{a} {b}");
    }

    #[test]
    fn boxes_survive_the_way_there_and_back() {
        let rect = Rect { x: 0.1, y: 0.2, w: 0.05, h: 0.3 };
        let back = Shape::new(&rect, 16.0 / 9.0).rect(16.0 / 9.0);
        assert!(rect.iou(&back) > 0.9999);
        assert!(Shape::new(&Rect::default(), 1.0).h > 0.0);
    }
}
