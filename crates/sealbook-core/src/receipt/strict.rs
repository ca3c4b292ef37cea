//! One strict CBOR item: definite lengths, shortest heads, no key twice, nothing behind the end.

use std::collections::BTreeSet;

/// Levels of nesting that a reader follows. A receipt has four.
const DEPTH_MAX: u32 = 16;

type Rest<'b> = Result<&'b [u8], &'static str>;

/// Fails unless `bytes` are exactly one item in strict spelling.
pub(super) fn check(bytes: &[u8]) -> Result<(), &'static str> {
    let rest = item(bytes, DEPTH_MAX)?;
    if rest.is_empty() { Ok(()) } else { Err("bytes behind the end") }
}

fn item(bytes: &[u8], depth: u32) -> Rest<'_> {
    let depth = depth.checked_sub(1).ok_or("nested too deeply")?;
    let (major, value, rest) = head(bytes)?;
    match major {
        0 | 1 => Ok(rest),
        2 | 3 => {
            let length = usize::try_from(value).map_err(|_| "cut short")?;
            let (content, rest) = rest.split_at_checked(length).ok_or("cut short")?;
            if major == 3 && core::str::from_utf8(content).is_err() {
                return Err("a text is not UTF-8");
            }
            Ok(rest)
        }
        4 => (0..value).try_fold(rest, |rest, _| item(rest, depth)),
        5 => pairs(rest, value, depth),
        6 => item(rest, depth),
        _ => Ok(rest),
    }
}

fn pairs(mut bytes: &[u8], count: u64, depth: u32) -> Rest<'_> {
    let mut keys = BTreeSet::new();
    for _ in 0..count {
        let value = item(bytes, depth)?;
        // Heads are the shortest possible, so equal keys have equal bytes.
        let key = bytes.get(..bytes.len() - value.len()).unwrap_or_default();
        if !keys.insert(key) {
            return Err("a key twice in a map");
        }
        bytes = item(value, depth)?;
    }
    Ok(bytes)
}

/// Major type, value and what follows. Floats and simple values are followed by nothing of their own.
fn head(bytes: &[u8]) -> Result<(u8, u64, &[u8]), &'static str> {
    let (first, rest) = bytes.split_first().ok_or("cut short")?;
    let (major, info) = (first >> 5, first & 0x1f);
    let width = match info {
        0..=23 => {
            return if major < 7 || (20..=22).contains(&info) { Ok((major, info.into(), rest)) } else { Err(SIMPLE) };
        }
        24..=27 => 1usize << (info - 24),
        _ => return Err("a length that is not said beforehand"),
    };
    let (digits, rest) = rest.split_at_checked(width).ok_or("cut short")?;
    let value = digits.iter().fold(0u64, |value, digit| value << 8 | u64::from(*digit));
    if major == 7 {
        return if width > 1 { Ok((major, value, rest)) } else { Err(SIMPLE) };
    }
    let shortest = match width {
        1 => value > 23,
        2 => value > 0xff,
        4 => value > 0xffff,
        _ => value > 0xffff_ffff,
    };
    if shortest { Ok((major, value, rest)) } else { Err("a number longer than needed") }
}

const SIMPLE: &str = "a value without a meaning";

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn one_spelling_is_accepted_and_every_other_says_why() {
        for good in [&[0x00][..], &[0x18, 24], &[0x83, 1, 0x20, 0xf6], &[0xa2, 1, 2, 0x61, b'a', 0xf5], &[0xd2, 0x40]] {
            assert_eq!(check(good), Ok(()), "{good:02x?}");
        }
        for (bad, why) in [
            (&[][..], "cut short"),
            (&[0x00, 0x00], "behind"),
            (&[0x18, 23], "longer than needed"),
            (&[0x19, 0, 255], "longer than needed"),
            (&[0x1b, 0, 0, 0, 0, 255, 255, 255, 255], "longer than needed"),
            (&[0x9f, 0xff], "not said beforehand"),
            (&[0x5f, 0x40, 0xff], "not said beforehand"),
            (&[0xbf, 0xff], "not said beforehand"),
            (&[0xa2, 1, 2, 1, 3], "twice"),
            (&[0x62, b'a'], "cut short"),
            (&[0x61, 0xff], "UTF-8"),
            (&[0x82, 1], "cut short"),
            (&[0xf7], "without a meaning"),
            (&[0xf8, 0xff], "without a meaning"),
            (&[0x81; 40], "too deeply"),
        ] {
            let problem = check(bad).unwrap_err();
            assert!(problem.contains(why), "{bad:02x?}: {problem}");
        }
    }
}
