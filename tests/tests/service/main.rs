//! The service as its clients see it: durable answers, exactly once through kills, tiles that others can read.

mod exactly_once;
mod reading;
