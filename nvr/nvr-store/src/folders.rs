//! The folders of segments on a disk: `segments/<camera>/<yyyy>/<mm>/<dd>/`.
//!
//! Promises: lists one folder at a time; names that are no segment's are left alone.
//! Leaves to others: what is in the files.

use crate::disk::Disk;
use crate::mp4::SegmentName;
use crate::mp4::name::SEGMENTS_FOLDER;
use nvr_base::{CameraId, Utc};
use std::io;
use std::path::Path;

/// A day as its folder says it, `2026/11/24`: text order is time order.
pub(crate) type Day = String;

/// The day of an instant.
pub(crate) fn day_of(at: Utc) -> Day {
    at.to_string().chars().take(10).map(|c| if c == '-' { '/' } else { c }).collect()
}

/// Days since 1970.
pub(crate) fn day_number(at: Utc) -> i64 {
    at.0.div_euclid(86_400_000_000)
}

/// Entries of a folder that may not exist.
fn list(disk: &dyn Disk, path: &Path) -> io::Result<Vec<(String, bool)>> {
    match disk.list(path) {
        Ok(entries) => Ok(entries.into_iter().map(|e| (e.name, e.folder)).collect()),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(e) => Err(e),
    }
}

/// Cameras with footage on the disk at `root`.
pub(crate) fn cameras(disk: &dyn Disk, root: &Path) -> io::Result<Vec<CameraId>> {
    let entries = list(disk, &root.join(SEGMENTS_FOLDER))?;
    Ok(entries.into_iter().filter(|e| e.1).filter_map(|(name, _)| name.parse().ok()).collect())
}

/// Days of a camera, oldest first.
pub(crate) fn days(disk: &dyn Disk, root: &Path, camera: &CameraId) -> io::Result<Vec<Day>> {
    let top = root.join(SEGMENTS_FOLDER).join(camera.as_str());
    let numeric = |digits: usize| {
        move |(name, folder): &(String, bool)| {
            *folder && name.len() == digits && name.bytes().all(|b| b.is_ascii_digit())
        }
    };
    let mut days = Vec::new();
    for (year, _) in list(disk, &top)?.into_iter().filter(numeric(4)) {
        for (month, _) in list(disk, &top.join(&year))?.into_iter().filter(numeric(2)) {
            for (day, _) in list(disk, &top.join(&year).join(&month))?.into_iter().filter(numeric(2)) {
                days.push(format!("{year}/{month}/{day}"));
            }
        }
    }
    Ok(days)
}

/// Segments of a camera's day, by number.
pub(crate) fn segments(
    disk: &dyn Disk,
    root: &Path,
    camera: &CameraId,
    day: &str,
) -> io::Result<Vec<SegmentName>> {
    let folder = format!("{SEGMENTS_FOLDER}/{camera}/{day}");
    let entries = list(disk, &root.join(&folder))?;
    Ok(entries.into_iter().filter_map(|(name, _)| format!("{folder}/{name}").parse().ok()).collect())
}

/// Removes the folders of a day that are empty.
pub(crate) fn remove_empty(disk: &dyn Disk, root: &Path, name: &SegmentName) {
    let path = name.path();
    // Day, month, year; the camera's own folder stays. The first that is not empty ends it.
    for folder in path.ancestors().skip(1).take(3) {
        if disk.remove_folder(&root.join(folder)).is_err() {
            break;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::RealDisk;
    use nvr_base::{StreamId, StreamKind};

    #[test]
    fn walks_what_names_make() {
        let dir = tempfile::tempdir().unwrap();
        let disk = RealDisk::default();
        let camera: CameraId = "gate".parse().unwrap();
        let name = |utc: &str, n| {
            SegmentName::new(StreamId::new(camera.clone(), StreamKind::Main), n, utc.parse().unwrap())
        };
        let names = [
            name("2026-11-24T00:00:00Z", 7),
            name("2026-11-24T23:59:59.999Z", 8),
            name("2027-01-01T00:00:00Z", 9),
        ];
        for n in &names {
            disk.create(&dir.path().join(n.path())).unwrap();
        }
        disk.create(&dir.path().join("segments/gate/2026/11/24/notes.txt")).unwrap();
        disk.create(&dir.path().join("segments/lost+found/x")).unwrap();
        assert_eq!(cameras(&disk, dir.path()).unwrap(), std::slice::from_ref(&camera));
        assert_eq!(days(&disk, dir.path(), &camera).unwrap(), ["2026/11/24", "2027/01/01"]);
        assert_eq!(segments(&disk, dir.path(), &camera, "2026/11/24").unwrap(), names[..2]);
        assert_eq!(day_of(names[1].start), "2026/11/24");
        disk.remove(&dir.path().join(names[2].path())).unwrap();
        remove_empty(&disk, dir.path(), &names[2]);
        assert_eq!(days(&disk, dir.path(), &camera).unwrap(), ["2026/11/24"]);
    }
}
