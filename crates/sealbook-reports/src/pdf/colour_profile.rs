//! A small ICC profile of the sRGB colour space (ICC.1:2001, version 2.1), built here so that its bytes are known.

/// Primaries and white of sRGB, adapted to D50, as s15Fixed16 numbers.
const WHITE: [u32; 3] = [0xF6D6, 0x1_0000, 0xD32D];
const RED: [u32; 3] = [0x6FA2, 0x38F5, 0x0390];
const GREEN: [u32; 3] = [0x6299, 0xB785, 0x18DA];
const BLUE: [u32; 3] = [0x24A0, 0x0F84, 0xB6CF];
/// Points of the tone curve: enough that the error stays below one step of 8 bits.
const CURVE_POINTS: u16 = 256;

/// The profile.
pub(super) fn srgb() -> Vec<u8> {
    let curve = curve();
    let tags: [([u8; 4], Vec<u8>); 9] = [
        (*b"desc", description("sRGB IEC61966-2.1")),
        (*b"cprt", text("No copyright, use freely")),
        (*b"wtpt", xyz(WHITE)),
        (*b"rXYZ", xyz(RED)),
        (*b"gXYZ", xyz(GREEN)),
        (*b"bXYZ", xyz(BLUE)),
        (*b"rTRC", curve.clone()),
        (*b"gTRC", curve.clone()),
        (*b"bTRC", curve),
    ];
    let mut table = Vec::new();
    let mut data = Vec::new();
    push(&mut table, 9);
    let start = 128 + 4 + 12 * 9;
    let mut curve_at = None;
    for (name, body) in &tags {
        let is_curve = body.starts_with(b"curv");
        let at = match curve_at {
            Some(at) if is_curve => at,
            _ => {
                let at = start + length(&data);
                data.extend_from_slice(body);
                data.resize(data.len().next_multiple_of(4), 0);
                at
            }
        };
        if is_curve {
            curve_at = Some(at);
        }
        table.extend_from_slice(name);
        push(&mut table, at);
        push(&mut table, length(body));
    }
    let mut profile = header(start + length(&data));
    profile.extend(table);
    profile.extend(data);
    profile
}

fn header(size: u32) -> Vec<u8> {
    let mut header = Vec::with_capacity(128);
    push(&mut header, size);
    push(&mut header, 0);
    push(&mut header, 0x0210_0000);
    header.extend_from_slice(b"mntrRGB XYZ ");
    // A fixed date, 1998-12-01, when the space was published in this form.
    for part in [1998_u16, 12, 1, 0, 0, 0] {
        header.extend(part.to_be_bytes());
    }
    header.extend_from_slice(b"acsp");
    header.resize(64, 0);
    push(&mut header, 0);
    for part in WHITE {
        push(&mut header, part);
    }
    header.resize(128, 0);
    header
}

fn push(bytes: &mut Vec<u8>, value: u32) {
    bytes.extend(value.to_be_bytes());
}

fn length(bytes: &[u8]) -> u32 {
    // The whole profile has about a thousand bytes.
    u32::try_from(bytes.len()).unwrap_or(u32::MAX)
}

fn typed(kind: &[u8; 4]) -> Vec<u8> {
    let mut body = kind.to_vec();
    push(&mut body, 0);
    body
}

fn text(words: &str) -> Vec<u8> {
    let mut body = typed(b"text");
    body.extend(words.bytes());
    body.push(0);
    body
}

fn description(words: &str) -> Vec<u8> {
    let mut body = typed(b"desc");
    push(&mut body, length(words.as_bytes()) + 1);
    body.extend(words.bytes());
    body.push(0);
    // No Unicode and no Macintosh description.
    body.resize(body.len() + 4 + 4 + 2 + 1 + 67, 0);
    body
}

fn xyz(parts: [u32; 3]) -> Vec<u8> {
    let mut body = typed(b"XYZ ");
    for part in parts {
        push(&mut body, part);
    }
    body
}

fn curve() -> Vec<u8> {
    let mut body = typed(b"curv");
    push(&mut body, u32::from(CURVE_POINTS));
    for point in 0..CURVE_POINTS {
        let value = f64::from(point) / f64::from(CURVE_POINTS - 1);
        let linear = if value <= 0.040_45 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) };
        body.extend(rounded(linear * 65_535.0).to_be_bytes());
    }
    body
}

/// A number from 0 to 65,535 as the nearest integer.
fn rounded(value: f64) -> u16 {
    let mut low = 0_u16;
    let mut high = u16::MAX;
    while low < high {
        let middle = low + (high - low) / 2;
        if f64::from(middle) + 0.5 < value {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_profile_states_its_own_length() {
        let profile = srgb();
        assert_eq!(profile[..4], u32::try_from(profile.len()).unwrap().to_be_bytes());
        assert_eq!(&profile[36..40], b"acsp");
    }

    #[test]
    fn every_tag_lies_inside_the_profile() {
        let profile = srgb();
        for entry in profile[132..132 + 9 * 12].chunks(12) {
            let at = u32::from_be_bytes(entry[4..8].try_into().unwrap());
            let size = u32::from_be_bytes(entry[8..12].try_into().unwrap());
            assert!((at + size) as usize <= profile.len() && at % 4 == 0);
        }
    }

    #[test]
    fn the_curve_runs_from_black_to_white() {
        assert_eq!((rounded(0.0), rounded(0.6), rounded(65_535.0)), (0, 1, 65_535));
    }
}
