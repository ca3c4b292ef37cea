//! Walks a frameworks folder: which files belong to it, in which order, and how many may there be.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Deepest path inside a frameworks folder: `tests/<id>/<file>` has three parts.
const DEPTH_MAX: usize = 3;
/// Most files in a frameworks folder. A test is four files, so this leaves room for a thousand tests.
const FILES_MAX: usize = 5_000;

/// Every file of the folder as (path from `root` with `/`, path on disk), sorted by the first.
///
/// Left out: Markdown files, hidden files, and editors' back-up files (`…~`).
///
/// # Errors
/// When a folder cannot be read, holds a symbolic link, a name that is not UTF-8, too many files or too deep folders.
pub fn walk(root: &Path) -> io::Result<Vec<(String, PathBuf)>> {
    let mut found = Vec::new();
    let mut folders = vec![(String::new(), root.to_path_buf(), 1)];
    while let Some((prefix, folder, depth)) = folders.pop() {
        for entry in fs::read_dir(&folder).map_err(|e| at(&folder, &e.to_string()))? {
            let entry = entry.map_err(|e| at(&folder, &e.to_string()))?;
            let path = entry.path();
            let name = entry.file_name();
            let name = name.to_str().ok_or_else(|| at(&path, "the name is not UTF-8"))?;
            if is_ignored(name) {
                continue;
            }
            let relative = if prefix.is_empty() { name.to_owned() } else { format!("{prefix}/{name}") };
            let kind = entry.file_type().map_err(|e| at(&path, &e.to_string()))?;
            if kind.is_dir() {
                if depth == DEPTH_MAX {
                    return Err(at(&path, "folders nest too deep here"));
                }
                folders.push((relative, path, depth + 1));
            } else if kind.is_file() {
                found.push((relative, path));
            } else {
                return Err(at(&path, "neither a file nor a folder; symbolic links are not followed"));
            }
            if found.len() > FILES_MAX {
                return Err(at(root, &format!("more than {FILES_MAX} files")));
            }
        }
    }
    found.sort();
    Ok(found)
}

fn is_ignored(name: &str) -> bool {
    name.starts_with('.') || name.ends_with('~') || name.ends_with(".md")
}

fn at(path: &Path, what: &str) -> io::Error {
    io::Error::other(format!("{}: {what}", path.display()))
}
