//! Embeds the whole `frameworks/` folder, so that the binary carries its catalogues, mappings and tests.

use std::env;
use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

#[path = "src/walk.rs"]
mod walk;

fn main() -> Result<(), Box<dyn Error>> {
    let manifest_dir = env::var("CARGO_MANIFEST_DIR")?;
    let root = fs::canonicalize(Path::new(&manifest_dir).join("../../frameworks"))?;
    // A folder named here is watched with everything in it, so a new or removed file is seen, too.
    println!("cargo:rerun-if-changed={}", root.display());
    println!("cargo:rerun-if-changed=src/walk.rs");

    let mut table = String::from("&[\n");
    for (name, path) in walk::walk(&root)? {
        let path = path.to_str().ok_or("the path of this checkout is not UTF-8")?;
        writeln!(table, "    ({name:?}, include_str!({path:?})),")?;
    }
    table.push_str("]\n");
    let out_dir = env::var("OUT_DIR")?;
    fs::write(Path::new(&out_dir).join("embedded.rs"), table)?;
    Ok(())
}
