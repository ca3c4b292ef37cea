//! probe
#[cfg(test)]
mod tests {
    use std::time::Instant;
    use crate::{Prepared, Sealing, Submission};
    use crate::state::State;
    use sealbook_core::entry::{Place, Source};
    use sealbook_core::event::*;
    use sealbook_core::segment::*;
    use sealbook_core::hash::chain_value;
    use sealbook_core::tree::leaf_hash;
    use sealbook_core::time::Micros;
    fn submission(n: u64) -> Submission {
        let subject = Identity::new(format!("spiffe://bench.example/ns/shop/sa/cart-{}", n % 500), IdentityType::Workload);
        let mut event = Event::new(format!("event-{n:012}"), Kind::Decision, subject, Outcome::Allow);
        event.action = Some("orders.read".to_owned());
        event.resource = Some(Resource { id: Some("orders/production".to_owned()), ..Resource::default() });
        let source = Source { id: "bench".to_owned(), format: "native".to_owned(), version: 1, sequence: Some(n) };
        Submission { source, event, raw: None }
    }
    #[test]
    fn probe() {
        const N: u64 = 100_000;
        let subs: Vec<_> = (0..N).map(submission).collect();
        let sealing = Sealing::default();
        let t = Instant::now();
        let prepared: Vec<_> = subs.into_iter().map(|s| Prepared::new(s, &sealing, &sealbook_disk::SystemEntropy).unwrap()).collect();
        println!("prepare {} ns", t.elapsed().as_nanos() as u64 / N);
        let mut state = State::default();
        let t = Instant::now();
        let mut all = Vec::new();
        for p in &prepared { all.push(p.body.place(&Place { index: 5, recorded_at: Micros(5), prev: state.chain, thread: state.thread(p.keys) })); }
        println!("place {} ns, {} bytes", t.elapsed().as_nanos() as u64 / N, all[5].len());
        let t = Instant::now();
        for b in &all { std::hint::black_box(chain_value(b)); }
        println!("chain {} ns", t.elapsed().as_nanos() as u64 / N);
        let t = Instant::now();
        for b in &all { std::hint::black_box(leaf_hash(b)); }
        println!("leaf {} ns", t.elapsed().as_nanos() as u64 / N);
        let t = Instant::now();
        let mut out = Vec::with_capacity(80_000_000);
        for b in &all { push_frame(&mut out, &Frame::Entry(b)); }
        println!("frame {} ns", t.elapsed().as_nanos() as u64 / N);
        let t = Instant::now();
        for (b, p) in all.iter().zip(&prepared) { state.apply(b, Micros(5), p.keys, |_, _| {}); }
        println!("apply {} ns", t.elapsed().as_nanos() as u64 / N);
        let t = Instant::now();
        for b in &all { std::hint::black_box(sealbook_core::entry::Entry::decode(b).is_ok()); }
        println!("decode {} ns", t.elapsed().as_nanos() as u64 / N);
        let t = Instant::now();
        drop(prepared);
        println!("drop {} ns", t.elapsed().as_nanos() as u64 / N);
    }
}
