//! The sealed segments of a log, opened without reading them: heads, footers, maps and lookup runs.

use std::sync::Arc;

use sealbook_core::entry::Entry;
use sealbook_core::hash::{ChainValue, chain_value};
use sealbook_core::segment::{FOOTER_FRAME_BYTES, Footer, Frame, HEADER_BYTES, Header, read_frame};
use sealbook_core::time::Micros;
use sealbook_disk::{DiskFile, World};

use crate::error::LogError;
use crate::files::Segment;
use crate::frames::FrameReader;
use crate::layout::Layout;
use crate::lookup::{Lookup, Secret};
use crate::nodes::RecentNodes;
use crate::segment_map::SegmentMap;

/// The segments at the start of a log that need not be read, and what the log is after them.
pub(crate) struct Prefix {
    pub(crate) segments: Vec<Segment>,
    pub(crate) footers: Vec<Footer>,
    pub(crate) nodes: RecentNodes,
    pub(crate) time: Micros,
    pub(crate) lookup: Lookup,
}

/// Opens as many segments as have a map that fits them; for a writer, also the runs over their entries.
pub(crate) fn open_prefix(
    world: &World,
    layout: &Layout,
    numbers: u64,
    secret: Option<&Secret>,
) -> Result<Prefix, LogError> {
    let mut heads = Vec::new();
    let mut expected = Header { number: 0, first: 0, prev: ChainValue::default() };
    for number in 0..numbers {
        let Some((file, footer)) = open_sealed(world, layout, &expected)? else { break };
        heads.push((expected, file, footer));
        expected = Header { number: number + 1, first: footer.size, prev: footer.chain };
    }
    let lookup = match secret {
        Some(secret) => Lookup::load(world, layout, secret, |size| {
            heads.iter().find(|(_, _, footer)| footer.size == size).map(|(_, _, footer)| footer.chain)
        })?,
        None => Lookup::default(),
    };
    let mut parts = Vec::new();
    for (header, file, footer) in heads {
        let in_runs = secret.is_none() || footer.size <= lookup.upto();
        let found = in_runs.then(|| SegmentMap::load(world, layout, header.number, &footer)).flatten();
        let Some((map, nodes)) = found else { break };
        let segment = map.segment(&header, file)?;
        if !segment_is_so(&segment, layout)? {
            break;
        }
        parts.push((segment, footer, nodes));
    }
    settle(parts, lookup, layout)
}

/// Runs that go beyond the segments are left out, and the segments that then have none; takes the time from the last
/// entry.
fn settle(
    mut parts: Vec<(Segment, Footer, RecentNodes)>,
    mut lookup: Lookup,
    layout: &Layout,
) -> Result<Prefix, LogError> {
    let size = parts.last().map_or(0, |(_, footer, _)| footer.size);
    while lookup.upto() > size {
        lookup.pop();
    }
    if lookup.is_used() {
        parts.retain(|(_, footer, _)| footer.size <= lookup.upto());
    }
    let (mut nodes, mut time) = (RecentNodes::default(), Micros::default());
    if let Some((segment, footer, last)) = parts.last_mut() {
        nodes = std::mem::take(last);
        time = last_time(segment, footer, layout)?;
    }
    let (segments, footers) = parts.into_iter().map(|(segment, footer, _)| (segment, footer)).unzip();
    Ok(Prefix { segments, footers, nodes, time, lookup })
}

/// The file of a sealed segment, and its footer.
type SealedFile = (Arc<dyn DiskFile>, Footer);

/// Opens a segment whose head is the expected one; `None` where it has no footer at its end.
fn open_sealed(world: &World, layout: &Layout, expected: &Header) -> Result<Option<SealedFile>, LogError> {
    let path = layout.segment(expected.number);
    let file: Arc<dyn DiskFile> = world.disk.open(&path, false).map_err(LogError::io(&path))?.into();
    let mut head = [0; HEADER_BYTES];
    let read = file.read_at(&mut head, 0).map_err(LogError::io(&path))?;
    if head.get(..read).and_then(Header::decode).as_ref() != Some(expected) {
        return Ok(None);
    }
    let length = file.length().map_err(LogError::io(&path))?;
    let Some(at) = length.checked_sub(FOOTER_FRAME_BYTES as u64) else { return Ok(None) };
    let mut bytes = [0; FOOTER_FRAME_BYTES];
    file.read_at(&mut bytes, at).map_err(LogError::io(&path))?;
    match read_frame(&bytes) {
        Ok((Frame::Footer(footer), _)) if footer.size.checked_sub(footer.entries) == Some(expected.first) => {
            Ok(Some((file, footer)))
        }
        _ => Ok(None),
    }
}

impl SegmentMap {
    fn segment(self, header: &Header, file: Arc<dyn DiskFile>) -> Result<Segment, LogError> {
        let length = file.length().map_err(LogError::io("a segment"))?;
        let mut segment = Segment::new(header, file);
        segment.end = length.saturating_sub(FOOTER_FRAME_BYTES as u64);
        (segment.marks, segment.commits, segment.keys) = (self.marks, self.commits, self.keys);
        Ok(segment)
    }
}

/// Whether the entries that should name keys do.
fn segment_is_so(segment: &Segment, layout: &Layout) -> Result<bool, LogError> {
    for (index, key) in &segment.keys {
        let named = read_entry(segment, *index, layout)?.and_then(|(entry, _)| entry.successor);
        if named.as_ref() != Some(key) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// When the last entry of a sealed segment was recorded; its chain value must be the footer's.
fn last_time(segment: &Segment, footer: &Footer, layout: &Layout) -> Result<Micros, LogError> {
    let last = footer.size.saturating_sub(1);
    match read_entry(segment, last, layout)? {
        Some((entry, chain)) if chain == footer.chain => Ok(entry.recorded_at),
        _ => Err(LogError::Damaged {
            path: layout.segment(segment.number),
            offset: segment.end,
            index: last,
            detail: "the last entry is not the one that the footer names".to_owned(),
        }),
    }
}

/// Reads an entry of a sealed segment, with its chain value; `None` where it cannot be found.
pub(crate) fn read_entry(
    segment: &Segment,
    index: u64,
    layout: &Layout,
) -> Result<Option<(Entry, ChainValue)>, LogError> {
    let mark = segment.marks.iter().rev().find(|(marked, _)| *marked <= index);
    let Some((mut at, offset)) = mark.copied() else { return Ok(None) };
    let mut frames = FrameReader::new(&*segment.file, offset, segment.end).near();
    loop {
        match frames.next() {
            Ok(Some((_, Frame::Entry(bytes)))) if at == index => {
                let entry = Entry::decode(bytes).ok().filter(|entry| entry.index == index);
                return Ok(entry.map(|entry| (entry, chain_value(bytes))));
            }
            Ok(Some((_, Frame::Entry(_)))) => at += 1,
            Ok(Some(_)) => {}
            Ok(None) | Err(crate::frames::WalkError::Frame(_)) => return Ok(None),
            Err(crate::frames::WalkError::Io(source)) => {
                return Err(LogError::Io { path: layout.segment(segment.number), source });
            }
        }
    }
}
