//! What people write, with the place of every value. `node` parses text into a located tree,
//! `decode` turns a tree into serde types, `mistake` shows people what is wrong and where.

mod decode;
pub mod mistake;
pub mod node;

pub use decode::decode;
pub(crate) use decode::suggestion;
pub use mistake::{Mistake, Source};
pub use node::{Node, Place, Step};
