//! Events as JSON, for output: the same names and words that `native` reads.

use sealbook_core::event::Event;
use sealbook_core::record::Tree;
use serde_json::{Map, Number, Value};

/// An event as JSON; reading it with the `native` source gives the same event.
#[must_use]
pub fn to_json(event: &Event) -> Value {
    tree_to_json(event.to_tree())
}

/// Names and values as JSON. A number that JSON libraries cannot hold becomes text.
#[must_use]
pub fn tree_to_json(tree: Tree) -> Value {
    match tree {
        Tree::Null => Value::Null,
        Tree::Bool(flag) => Value::Bool(flag),
        Tree::Int(number) => Value::Number(number.into()),
        Tree::Number(digits) => match digits.parse::<Number>() {
            Ok(number) => Value::Number(number),
            Err(_) => Value::String(digits),
        },
        Tree::Text(text) => Value::String(text),
        Tree::List(items) => Value::Array(items.into_iter().map(tree_to_json).collect()),
        Tree::Map(pairs) => {
            Value::Object(pairs.into_iter().map(|(name, value)| (name, tree_to_json(value))).collect::<Map<_, _>>())
        }
    }
}
