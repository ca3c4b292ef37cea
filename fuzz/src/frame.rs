//! Frames, headers and commits of segment files.

use sealbook_core::segment::{
    Commit, FRAME_HEAD_BYTES, Frame, FrameError, HEADER_BYTES, Header, PAYLOAD_BYTES_MAX, push_frame, read_frame,
    scan_commits,
};

use crate::bounds::{bounded, same};

/// Everything that reads a segment.
pub fn check(data: &[u8]) {
    bounded(data, |data| {
        header(data);
        walk(data);
        commits(data);
        repaired(data);
    });
}

fn header(data: &[u8]) {
    if let Some(header) = Header::decode(data) {
        same(&header.encode(), &data[..HEADER_BYTES], "header");
    }
}

/// Frame after frame, as recovery and verification go; with and without a header in front.
fn walk(data: &[u8]) {
    for mut rest in [data, data.get(HEADER_BYTES..).unwrap_or_default()] {
        loop {
            match read_frame(rest) {
                Ok((frame, length)) => {
                    assert!(FRAME_HEAD_BYTES <= length && length <= FRAME_HEAD_BYTES + PAYLOAD_BYTES_MAX);
                    encodes_to(&frame, &rest[..length]);
                    rest = &rest[length..];
                }
                Err(FrameError::End) => {
                    assert!(rest.iter().take(FRAME_HEAD_BYTES).all(|byte| *byte == 0));
                    break;
                }
                Err(error) => {
                    assert!(!rest.is_empty() && !error.to_string().is_empty());
                    break;
                }
            }
        }
    }
}

fn encodes_to(frame: &Frame<'_>, bytes: &[u8]) {
    let mut again = Vec::new();
    push_frame(&mut again, frame);
    same(&again, bytes, "frame");
}

/// The search finds what looking at every byte finds.
fn commits(data: &[u8]) {
    let slow: Vec<Commit> = (0..data.len())
        .filter_map(|at| match read_frame(&data[at..]) {
            Ok((Frame::Commit(commit), _)) => Some(commit),
            _ => None,
        })
        .collect();
    assert_eq!(scan_commits(data), slow);
}

/// A frame around the input with a checksum that holds, so that what comes after the checksum is reached.
fn repaired(data: &[u8]) {
    let Some((kind, payload)) = data.split_first() else { return };
    let length = u32::try_from(payload.len()).unwrap().to_le_bytes();
    let mut bytes = [&length[..], &[*kind]].concat();
    let checksum = crc32c::crc32c_append(crc32c::crc32c(&bytes), payload);
    bytes.extend_from_slice(&checksum.to_le_bytes());
    bytes.extend_from_slice(payload);
    match read_frame(&bytes) {
        Ok((frame, length)) => {
            assert_eq!(length, bytes.len());
            encodes_to(&frame, &bytes);
            assert!(read_frame(&bytes[..length - 1]).is_err());
        }
        Err(error) => assert_eq!(error, FrameError::Nonsense, "kind {kind}"),
    }
}
