//! Network addresses as sources write them.

/// The host of `host:port`; IPv6 hosts stand in brackets. A bare IPv6 address or host name is itself.
pub(crate) fn host(address: &str) -> &str {
    if let Some((host, _)) = address.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return host;
    }
    match address.split_once(':') {
        Some((host, port)) if !port.contains(':') => host,
        _ => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_is_taken_off() {
        for (address, expected) in [
            ("192.0.2.1:80", "192.0.2.1"),
            ("[2001:db8::1]:443", "2001:db8::1"),
            ("2001:db8::1", "2001:db8::1"),
            ("host", "host"),
            ("", ""),
        ] {
            assert_eq!(host(address), expected);
        }
    }
}
