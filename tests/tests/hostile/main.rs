//! What attackers send: the answer is a refusal with a stable code, never an error of the service, and it goes on.

mod bombs;
mod described;
mod generated;
mod heads;
mod talk;
