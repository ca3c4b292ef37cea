//! Who may write and read: scoped tokens, client certificates, and what each of them allows.

mod access;
mod account;
mod error;
mod follow;
mod presented;
mod record;
mod refusals;
mod scope;
mod secret;
mod store;

pub(crate) use access::{Access, Peer, Principal, authorize};
pub use account::{Actor, this_account};
pub use error::CredentialError;
pub(crate) use follow::{Followed, follow, load};
pub use record::{find_recorded, record};
pub(crate) use refusals::{Refusal, Refusals, flush, flush_now, note};
pub use scope::{Need, Scope, ScopeError};
pub use store::{Change, NewToken, STORE, Standing, TOKENS_MAX, Token, TokenStore};
