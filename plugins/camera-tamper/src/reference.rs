//! Reference: what a scene usually looks like, and how much of it a sight still shows.
//!
//! Promises: pure, bounded memory; what moves averages to nothing, so only edges that always stand count; a picture that
//! shakes by a fortieth of its width is the same. The slow change of the day is followed, a sudden one is not.
//! Leaves to others: when to learn and what a loss means (`rule`), what the scene looks like at other hours (`hours`).

use crate::sight::Sight;

/// The picture is compared in so many blocks across …
const BLOCKS_X: usize = 8;
/// … and down: each large enough to hold an edge of nearly any scene, small beside the picture.
const BLOCKS_Y: usize = 5;
const BLOCKS: usize = BLOCKS_X * BLOCKS_Y;
/// A scene is followed with this time, seconds: dusk takes longer, a lorry that unloads is gone before.
const FOLLOW_S: f32 = 300.0;
/// A block counts when its edges, squared, are so much of a block full of perfect ones: two cells of ninety.
const STRUCTURE_MIN: f32 = 0.02;
/// With fewer blocks that count nothing is said: fog, night, a bare wall.
const BLOCKS_MIN: usize = 6;
/// A block is itself when so much of its edges still stands; as much against it weighs as much as none at all can.
const KEPT_MIN: f32 = 0.35;
/// Shake tolerated, as one part of so many of the picture's width: two cells of eighty.
const SHAKE_PART: usize = 40;
/// When so much is kept in place, no shift is tried.
const KEPT_WELL: f32 = 0.7;
/// The outermost cells are not looked at: black borders stand still whatever is before the lens.
const MARGIN_CELLS: usize = 2;
/// The edge of a mask stands whatever is before the lens: it is seen so many cells away.
const MASK_CELLS: usize = 3;
/// An edge that always stands is at least so long, squared: nothing is measured elsewhere.
const STANDS: f32 = 0.1;

/// What one block holds.
#[derive(Debug, Clone, Copy, Default)]
struct Block {
    /// Sums over its cells: of the edges that always stand and their squared lengths, …
    usual: (f32, f32),
    squares: f32,
    /// … of the edges of the sight, and of their products with the usual ones.
    seen: (f32, f32),
    products: f32,
    cells: f32,
    /// Squared strength, and detail, where edges always stand.
    strength: f32,
    detail: f32,
    /// Strength of all its cells.
    all: f32,
}

impl Block {
    /// How much the usual edges vary over the block: their squares without their mean.
    fn structure(&self) -> f32 {
        let (x, y) = self.usual;
        (self.squares - (x * x + y * y) / self.cells.max(1.0)).max(0.0)
    }

    /// How much of that the sight has: a covariance, so that a scene where all is upright is not like another such.
    fn matched(&self) -> f32 {
        let ((x, y), (seen_x, seen_y)) = (self.usual, self.seen);
        self.products - (x * seen_x + y * seen_y) / self.cells.max(1.0)
    }

    fn counts(&self) -> bool {
        self.cells > 0.0 && self.structure() >= STRUCTURE_MIN * self.cells
    }

    fn kept(&self) -> f32 {
        let structure = self.structure();
        if structure > 0.0 { self.matched() / structure } else { 0.0 }
    }

    /// Detail over strength: falls when the picture blurs, not when its contrast does.
    fn sharpness(&self) -> Option<f32> {
        (self.strength > 0.0).then(|| (self.detail / self.strength).sqrt())
    }
}

/// A sight against the reference.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Likeness {
    /// Share of the blocks that count whose edges are gone, 0..1.
    pub(crate) lost: f32,
    /// Share of all lasting edges that still stand, up to 1; below 0 when they are contradicted.
    pub(crate) kept: f32,
    /// Strength of all edges over the usual one.
    pub(crate) strength: f32,
    /// Sharpness over the usual one, the middle one of the blocks that are kept; `None` when too few are.
    pub(crate) sharpness: Option<f32>,
}

/// The learnt scene.
#[derive(Debug, Clone)]
pub(crate) struct Reference {
    columns: usize,
    rows: usize,
    /// Mean of the edges of each cell.
    edges: Vec<(f32, f32)>,
    /// Whether a cell is to be watched, and is: not near a mask.
    wanted: Vec<bool>,
    watched: Vec<bool>,
    /// What has been masked from the first sight on.
    masked: Option<Vec<bool>>,
    /// Usual sharpness of each block.
    sharpness: [Option<f32>; BLOCKS],
    /// Usual strength of each block.
    strength: [f32; BLOCKS],
    learnt_s: f32,
}

impl Reference {
    /// Nothing learnt; `watched` is asked for the middle of each cell.
    pub(crate) fn new(columns: usize, rows: usize, watched: impl Fn(f32, f32) -> bool) -> Self {
        let middle = |n: usize, of: usize| (n as f32 + 0.5) / of.max(1) as f32;
        let inner = |n: usize, of: usize| (MARGIN_CELLS..of.saturating_sub(MARGIN_CELLS)).contains(&n);
        let at = |n: usize| (n % columns.max(1), n / columns.max(1));
        let is_wanted = |(x, y): (usize, usize)| {
            inner(x, columns) && inner(y, rows) && watched(middle(x, columns), middle(y, rows))
        };
        let wanted: Vec<bool> = (0..columns * rows).map(at).map(is_wanted).collect();
        Self {
            columns,
            rows,
            edges: vec![(0.0, 0.0); columns * rows],
            watched: wanted.clone(),
            wanted,
            masked: None,
            sharpness: [None; BLOCKS],
            strength: [0.0; BLOCKS],
            learnt_s: 0.0,
        }
    }

    /// Seconds of scene it knows.
    pub(crate) fn learnt_s(&self) -> f32 {
        self.learnt_s
    }

    /// Whether a sight has the size of this.
    pub(crate) fn fits(&self, sight: &Sight) -> bool {
        (self.columns, self.rows) == (sight.columns, sight.rows)
    }

    /// Takes a sight in that stands for `span_s` seconds. The first counts whole, then each as much as those before, and
    /// once the scene is known for [`FOLLOW_S`] the old fades with that time.
    pub(crate) fn learn(&mut self, sight: &Sight, span_s: f32) {
        self.learn_masks(sight);
        let known_s = self.learnt_s.min(FOLLOW_S);
        let share = if known_s > 0.0 { (span_s / (known_s + span_s)).min(1.0) } else { 1.0 };
        for (edge, cell) in self.edges.iter_mut().zip(&sight.cells) {
            edge.0 += share * (cell.edge.0 - edge.0);
            edge.1 += share * (cell.edge.1 - edge.1);
        }
        let blocks = self.blocks(sight, (0, 0));
        for (block, (sharpness, strength)) in
            blocks.iter().zip(self.sharpness.iter_mut().zip(&mut self.strength))
        {
            *strength += share * (block.all / block.cells.max(1.0) - *strength);
            if let Some(now) = block.sharpness() {
                let usual = sharpness.get_or_insert(now);
                *usual += share * (now - *usual);
            }
        }
        self.learnt_s += span_s.max(f32::MIN_POSITIVE);
    }

    /// What is still masked, and what is watched for that.
    fn learn_masks(&mut self, sight: &Sight) {
        let mut changed = self.masked.is_none();
        let masked = self.masked.get_or_insert_with(|| sight.cells.iter().map(|c| c.masked).collect());
        for (masked, cell) in masked.iter_mut().zip(&sight.cells) {
            changed |= *masked && !cell.masked;
            *masked &= cell.masked;
        }
        if !changed {
            return;
        }
        self.watched.clone_from(&self.wanted);
        let near = |n: usize, of: usize| n.saturating_sub(MASK_CELLS)..(n + MASK_CELLS + 1).min(of);
        for (n, _) in masked.iter().enumerate().filter(|(_, m)| **m) {
            let cells = near(n % self.columns, self.columns);
            for row in near(n / self.columns, self.rows) {
                let (from, to) = (row * self.columns + cells.start, row * self.columns + cells.end);
                self.watched.get_mut(from..to).unwrap_or_default().fill(false);
            }
        }
    }

    /// How much of the scene a sight shows; `None` when too little is known to be lost.
    pub(crate) fn compare(&self, sight: &Sight) -> Option<Likeness> {
        let in_place = self.blocks(sight, (0, 0));
        if in_place.iter().filter(|b| b.counts()).count() < BLOCKS_MIN {
            return None;
        }
        let blocks = if total(&in_place) >= KEPT_WELL { in_place } else { self.shaken(sight, in_place) };
        let usual = self.sharpness.iter().zip(&self.strength);
        let (mut counted, mut kept) = (0usize, 0.0);
        let (mut all, mut all_usual) = (0.0, 0.0);
        let mut sharp = Vec::with_capacity(BLOCKS);
        for (block, (sharpness, strength)) in blocks.iter().zip(usual).filter(|(b, _)| b.counts()) {
            counted += 1;
            all += block.all / block.cells.max(1.0);
            all_usual += strength;
            let block_kept = block.kept().clamp(-KEPT_MIN, 1.0);
            kept += block_kept;
            if block_kept >= KEPT_MIN
                && let (Some(now), Some(usual)) = (block.sharpness(), sharpness)
                && *usual > 0.0
            {
                sharp.push(now / usual);
            }
        }
        let middle = sharp.len() / 2;
        let sharpness =
            (sharp.len() >= BLOCKS_MIN).then(|| *sharp.select_nth_unstable_by(middle, f32::total_cmp).1);
        let strength = if all_usual > 0.0 { all / all_usual } else { 0.0 };
        let lost = (1.0 - kept / counted.max(1) as f32).clamp(0.0, 1.0);
        Some(Likeness { lost, kept: total(&blocks), strength, sharpness })
    }

    /// The blocks under the shift that keeps most.
    fn shaken(&self, sight: &Sight, in_place: [Block; BLOCKS]) -> [Block; BLOCKS] {
        let mut best = in_place;
        let shake = i32::try_from((self.columns / SHAKE_PART).max(1)).unwrap_or(1);
        for down in -shake..=shake {
            for right in -shake..=shake {
                let blocks = self.blocks(sight, (right, down));
                if total(&blocks) > total(&best) {
                    best = blocks;
                }
            }
        }
        best
    }

    /// Every block, with the sight shifted by so many cells.
    fn blocks(&self, sight: &Sight, (right, down): (i32, i32)) -> [Block; BLOCKS] {
        let mut blocks = [Block::default(); BLOCKS];
        let (columns, rows) = (self.columns, self.rows);
        let shift = |n: usize, by: i32, of: usize| {
            n.checked_add_signed(isize::try_from(by).unwrap_or(0)).filter(|n| *n < of)
        };
        for y in 0..rows {
            let Some(from_y) = shift(y, down, rows) else { continue };
            let of_row = |n: usize| n * columns..(n + 1) * columns;
            let (Some(edges), Some(watched)) = (self.edges.get(of_row(y)), self.watched.get(of_row(y)))
            else {
                continue;
            };
            let Some(cells) = sight.cells.get(of_row(from_y)) else { continue };
            // The two rows side by side, where both are in the picture.
            let (skip_usual, skip_sight) = ((-right).max(0) as usize, right.max(0) as usize);
            let usual = edges.iter().zip(watched).enumerate().skip(skip_usual);
            let first = (y * BLOCKS_Y / rows) * BLOCKS_X;
            for ((x, (edge, watched)), cell) in usual.zip(cells.iter().skip(skip_sight)) {
                let Some(block) = blocks.get_mut(first + x * BLOCKS_X / columns).filter(|_| *watched) else {
                    continue;
                };
                let length = edge.0 * edge.0 + edge.1 * edge.1;
                block.cells += 1.0;
                block.all += cell.strength;
                block.seen.0 += cell.edge.0;
                block.seen.1 += cell.edge.1;
                if length >= STANDS {
                    block.usual.0 += edge.0;
                    block.usual.1 += edge.1;
                    block.squares += length;
                    block.products += edge.0 * cell.edge.0 + edge.1 * cell.edge.1;
                    block.strength += cell.strength * cell.strength;
                    block.detail += cell.detail;
                }
            }
        }
        blocks
    }
}

/// Share kept of all the structure.
fn total(blocks: &[Block; BLOCKS]) -> f32 {
    let (matched, all) = blocks.iter().fold((0.0, 0.0), |(m, s), b| (m + b.matched(), s + b.structure()));
    if all > 0.0 { matched / all } else { 0.0 }
}
