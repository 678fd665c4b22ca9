//! What people write, with the place of every value. `node` parses text into a located tree,
//! `decode` turns a tree into serde types, `mistake` shows people what is wrong and where. `edit`
//! changes entries in place, by the bytes that `outline` finds. `scalar` writes text.

mod decode;
pub mod edit;
pub mod mistake;
pub mod node;
mod outline;
mod scalar;

pub use decode::decode;
pub(crate) use decode::suggestion;
pub use mistake::{Mistake, Source};
pub use node::{Node, Place, Step};
pub(crate) use scalar::scalar;
