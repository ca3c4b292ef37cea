//! Systems by other people send their audit events while the ledger is killed and started again. `tests/producers/install.sh`
//! fetches them; where one is absent its test says that it is skipped.

mod envoy;
mod openbao;
mod tap;
mod tools;
