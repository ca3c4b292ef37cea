//! Names of files and folders: what a program sees, what is on the disk, and the changes between the two.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use super::content::{Content, Damage};
use super::random::Dice;

pub(super) type Shared = Arc<Mutex<Content>>;

/// What a name stands for.
#[derive(Clone)]
enum Node {
    Folder,
    File(Shared),
}

/// A change of names that is not on the disk yet.
#[derive(Clone)]
enum Change {
    Put(PathBuf, Node),
    Removed(PathBuf),
    Renamed(PathBuf, PathBuf, Node),
}

type Map = BTreeMap<PathBuf, Node>;

#[derive(Clone, Default)]
pub(super) struct Names {
    visible: Map,
    durable: Map,
    /// In the order in which they were made.
    pending: Vec<Change>,
}

fn error(kind: io::ErrorKind, path: &Path, what: &str) -> io::Error {
    io::Error::new(kind, format!("{} {what}", path.display()))
}

pub(super) fn missing(path: &Path) -> io::Error {
    error(io::ErrorKind::NotFound, path, "is not there")
}

impl Change {
    fn apply(&self, map: &mut Map) {
        match self {
            Self::Put(path, node) => {
                map.insert(path.clone(), node.clone());
            }
            Self::Removed(path) => {
                map.remove(path);
            }
            Self::Renamed(from, to, node) => {
                map.remove(from);
                map.insert(to.clone(), node.clone());
            }
        }
    }

    fn is_in(&self, dir: &Path) -> bool {
        let path = match self {
            Self::Put(path, _) | Self::Removed(path) | Self::Renamed(_, path, _) => path,
        };
        path.parent() == Some(dir)
    }
}

impl Names {
    fn is_folder(&self, path: &Path) -> bool {
        path.parent().is_none() || path == Path::new("") || matches!(self.visible.get(path), Some(Node::Folder))
    }

    fn change(&mut self, change: Change) {
        change.apply(&mut self.visible);
        self.pending.push(change);
    }

    pub(super) fn file(&self, path: &Path) -> io::Result<Shared> {
        match self.visible.get(path) {
            Some(Node::File(content)) => Ok(content.clone()),
            Some(Node::Folder) => Err(error(io::ErrorKind::IsADirectory, path, "is a folder")),
            None => Err(missing(path)),
        }
    }

    pub(super) fn exists(&self, path: &Path) -> bool {
        self.is_folder(path) || self.visible.contains_key(path)
    }

    pub(super) fn create(&mut self, path: &Path) -> io::Result<Shared> {
        if self.exists(path) {
            return Err(error(io::ErrorKind::AlreadyExists, path, "exists"));
        }
        if !path.parent().is_some_and(|parent| self.is_folder(parent)) {
            return Err(missing(path.parent().unwrap_or(path)));
        }
        let content = Shared::default();
        self.change(Change::Put(path.to_owned(), Node::File(content.clone())));
        Ok(content)
    }

    /// The folder and those above it that are missing, durable at once unless `volatile`.
    pub(super) fn create_folders(&mut self, path: &Path, volatile: bool) -> io::Result<()> {
        let mut missing: Vec<&Path> = path.ancestors().filter(|path| !self.is_folder(path)).collect();
        missing.reverse();
        for path in missing {
            if self.visible.contains_key(path) {
                return Err(error(io::ErrorKind::NotADirectory, path, "is a file"));
            }
            let change = Change::Put(path.to_owned(), Node::Folder);
            if volatile {
                self.change(change);
            } else {
                change.apply(&mut self.visible);
                change.apply(&mut self.durable);
            }
        }
        Ok(())
    }

    pub(super) fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        if !self.is_folder(dir) {
            return Err(missing(dir));
        }
        let inside = self.visible.keys().filter(|path| path.parent() == Some(dir)).filter_map(|path| path.file_name());
        Ok(inside.map(|name| name.to_string_lossy().into_owned()).collect())
    }

    pub(super) fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        let node = Node::File(self.file(from)?);
        if !to.parent().is_some_and(|parent| self.is_folder(parent)) {
            return Err(missing(to.parent().unwrap_or(to)));
        }
        self.change(Change::Renamed(from.to_owned(), to.to_owned(), node));
        Ok(())
    }

    pub(super) fn remove(&mut self, path: &Path) -> io::Result<()> {
        self.file(path)?;
        self.change(Change::Removed(path.to_owned()));
        Ok(())
    }

    pub(super) fn sync(&mut self, dir: &Path) -> io::Result<()> {
        if !self.is_folder(dir) {
            return Err(missing(dir));
        }
        let durable = &mut self.durable;
        self.pending.retain(|change| {
            let here = change.is_in(dir);
            if here {
                change.apply(durable);
            }
            !here
        });
        Ok(())
    }

    /// Files that a program sees.
    pub(super) fn files(&self) -> impl Iterator<Item = (&PathBuf, &Shared)> {
        self.visible.iter().filter_map(|(path, node)| match node {
            Node::File(content) => Some((path, content)),
            Node::Folder => None,
        })
    }

    /// What is found after the power went; `content` says the same of a file.
    pub(super) fn after_crash(
        &self,
        dice: &mut Dice,
        done: &mut Damage,
        mut content: impl FnMut(&Shared, &mut Dice, &mut Damage) -> Content,
    ) -> Self {
        let mut map = self.durable.clone();
        // A journal keeps the first changes; without one, each stands for itself.
        let until = dice.one_in(2).then(|| dice.below(self.pending.len() as u64 + 1));
        for (at, change) in (0..).zip(&self.pending) {
            if until.map_or_else(|| dice.one_in(2), |until| at < until) {
                change.apply(&mut map);
                done.names_kept += 1;
            } else {
                done.names_lost += 1;
            }
        }
        let mut after = Map::new();
        for (path, node) in map {
            let parent = path.parent().unwrap_or(Path::new(""));
            let reachable = parent.parent().is_none() || matches!(after.get(parent), Some(Node::Folder));
            if reachable {
                let node = match node {
                    Node::Folder => Node::Folder,
                    Node::File(shared) => Node::File(Arc::new(Mutex::new(content(&shared, dice, done)))),
                };
                after.insert(path, node);
            }
        }
        Self { visible: after.clone(), durable: after, pending: Vec::new() }
    }

    /// The same names and contents, in files that no open handle reaches.
    pub(super) fn detached(&self, mut content: impl FnMut(&Shared) -> Content) -> Self {
        let mut copies: Vec<(*const Mutex<Content>, Shared)> = Vec::new();
        let mut node = |node: &mut Node| {
            if let Node::File(shared) = node {
                let known = copies.iter().find(|(of, _)| *of == Arc::as_ptr(shared)).map(|(_, copy)| copy.clone());
                let copy = known.unwrap_or_else(|| {
                    let copy = Arc::new(Mutex::new(content(shared)));
                    copies.push((Arc::as_ptr(shared), copy.clone()));
                    copy
                });
                *shared = copy;
            }
        };
        let mut names = self.clone();
        names.visible.values_mut().for_each(&mut node);
        names.durable.values_mut().for_each(&mut node);
        for change in &mut names.pending {
            match change {
                Change::Put(_, at) | Change::Renamed(_, _, at) => node(at),
                Change::Removed(_) => {}
            }
        }
        names
    }
}
