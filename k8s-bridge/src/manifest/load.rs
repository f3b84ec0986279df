//! Reading a folder once.
//!
//! **For**: [`super::watch()`] and whoever needs a folder once. **Sits**: joins parsing, checking and
//! typing. **How it works**: files in order of name, documents in order; a `List` is taken apart
//! into its items. **Invariants**: objects come out in the order read; no key occurs twice.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use intent::ObjectRef;
use serde_json::Value;

use super::{
    ManifestError,
    check::{check, expected},
    kinds::{self, Kind},
    yaml::{Content, Tree, documents},
};
use crate::object::{DEFAULT_NAMESPACE, Origin, Stored};

/// What a folder holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Loaded {
    /// In the order read; each key once.
    pub objects: Vec<Stored>,
    /// What is wrong with the rest.
    pub errors: Vec<ManifestError>,
}

impl Loaded {
    /// Fills the gaps of a broken state with what `last` still had: the named object where the error
    /// names one, everything from the file where it does not.
    pub(super) fn retain_good(&mut self, last: &Self) {
        let present: Vec<ObjectRef> = self.objects.iter().map(|s| s.object.key()).collect();
        for stored in &last.objects {
            let key = stored.object.key();
            let Some(origin) = &stored.origin else { continue };
            let broken = self.errors.iter().any(|error| {
                let here = error.file == origin.file || error.file.as_os_str().is_empty();
                here && error.object.as_ref().is_none_or(|object| *object == key)
            });
            if broken && !present.contains(&key) {
                self.objects.push(Stored { retained: true, ..stored.clone() });
            }
        }
    }
}

/// Reads the folder.
pub fn load_dir(dir: &Path) -> Loaded {
    let mut loader = Loader::default();
    match manifest_files(dir) {
        Ok(files) => {
            for file in files {
                loader.file(dir, &file);
            }
        }
        Err(error) => loader.errors.push(ManifestError {
            file: PathBuf::new(),
            document: None,
            line: None,
            object: None,
            field: None,
            message: format!("cannot read the folder {}: {error}", dir.display()),
        }),
    }
    Loaded { objects: loader.objects, errors: loader.errors }
}

/// Names of the manifests in a folder, in order.
pub(super) fn manifest_files(dir: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir)? {
        let name = PathBuf::from(entry?.file_name());
        let hidden = name.to_string_lossy().starts_with('.');
        let extension = name.extension().and_then(|e| e.to_str()).unwrap_or_default();
        if !hidden && matches!(extension, "yaml" | "yml" | "json") && !dir.join(&name).is_dir() {
            files.push(name);
        }
    }
    files.sort_unstable();
    Ok(files)
}

#[derive(Default)]
struct Loader {
    objects: Vec<Stored>,
    errors: Vec<ManifestError>,
    /// Where each key was first read.
    first: BTreeMap<ObjectRef, Origin>,
}

impl Loader {
    fn file(&mut self, dir: &Path, file: &Path) {
        let text = match fs::read_to_string(dir.join(file)) {
            Ok(text) => text,
            Err(error) => {
                let place = Place { file, document: None };
                return self.errors.push(place.error(None, format!("cannot be read: {error}")));
            }
        };
        for document in documents(&text) {
            let place = Place { file, document: Some(document.number) };
            match document.parse() {
                Ok(tree) => self.object(&place, &tree),
                Err(error) => self.errors.push(place.error(Some(error.line), error.message)),
            }
        }
    }

    fn object(&mut self, place: &Place<'_>, tree: &Tree) {
        if !matches!(tree.value, Content::Map(_)) {
            let message = format!(
                "expected an object with apiVersion, kind and metadata, found {}",
                tree.kind()
            );
            return self.errors.push(place.error(Some(tree.line), message));
        }
        let text = |field| tree.entry(field).and_then(Tree::as_str);
        let (Some(api_version), Some(kind)) = (text("apiVersion"), text("kind")) else {
            let missing = if text("kind").is_none() { "kind" } else { "apiVersion" };
            let message = format!("required field `{missing}` is missing");
            return self.errors.push(place.error(Some(tree.line), message));
        };
        if kind.ends_with("List")
            && let Some(Tree { value: Content::List(items), .. }) = tree.entry("items")
        {
            return items.iter().for_each(|item| self.object(place, item));
        }
        match find_kind(api_version, kind) {
            Ok(kind) => self.of_kind(place, kind, tree),
            Err(message) => {
                let line = tree.entry("kind").map_or(tree.line, |t| t.line);
                let error = place.error(Some(line), message);
                let known = kinds::all().iter().find(|known| known.name == kind);
                let object = named(kind, known.is_none_or(|known| known.namespaced), tree);
                self.errors.push(ManifestError { object, field: Some("kind".to_owned()), ..error });
            }
        }
    }

    fn of_kind(&mut self, place: &Place<'_>, kind: &Kind, tree: &Tree) {
        let object = named(&kind.name, kind.namespaced, tree);
        let mut findings = check(&kind.schema, tree);
        findings.extend(super::names::check(tree));
        if findings.is_empty() {
            let json = scoped(tree.to_json(), kind);
            match kind.read(&json) {
                Ok(read) => return self.add(place, tree, Stored::new(read)),
                Err(error) => findings.push(super::check::Finding {
                    line: tree.line,
                    field: error.field,
                    message: error.message,
                }),
            }
        }
        self.errors.extend(findings.into_iter().map(|finding| ManifestError {
            object: object.clone(),
            field: Some(finding.field).filter(|field| !field.is_empty()),
            ..place.error(Some(finding.line), finding.message)
        }));
    }

    fn add(&mut self, place: &Place<'_>, tree: &Tree, stored: Stored) {
        let key = stored.object.key();
        let origin = Origin {
            file: place.file.to_owned(),
            document: place.document.unwrap_or(1),
            line: tree.line,
        };
        if let Some(first) = self.first.get(&key) {
            let message =
                format!("the same object is already in {first}; that one counts, remove one");
            let error = place.error(Some(tree.line), message);
            return self.errors.push(ManifestError { object: Some(key), ..error });
        }
        self.first.insert(key, origin.clone());
        self.objects.push(Stored { origin: Some(origin), ..stored });
    }
}

struct Place<'a> {
    file: &'a Path,
    document: Option<usize>,
}

impl Place<'_> {
    fn error(&self, line: Option<u64>, message: impl Into<String>) -> ManifestError {
        ManifestError {
            file: self.file.to_owned(),
            document: self.document,
            line,
            object: None,
            field: None,
            message: message.into(),
        }
    }
}

fn find_kind(api_version: &str, kind: &str) -> Result<&'static Kind, String> {
    let all = kinds::all();
    if let Some(found) = all.iter().find(|k| k.name == kind && k.api_version == api_version) {
        return Ok(found);
    }
    if let Some(found) = all.iter().find(|k| k.name == kind) {
        let right = &found.api_version;
        return Err(format!("{kind} is not in {api_version}; write apiVersion: {right}"));
    }
    let names = all.iter().map(|k| k.name.as_str());
    Err(format!("unknown kind {kind}; {}", expected(kind, names)))
}

/// The object a document is about, as far as it says.
fn named(kind: &str, namespaced: bool, tree: &Tree) -> Option<ObjectRef> {
    let metadata = tree.entry("metadata")?;
    let name = metadata.entry("name")?.as_str()?;
    let namespace = metadata.entry("namespace").and_then(Tree::as_str);
    Some(if namespaced {
        ObjectRef::namespaced(kind, namespace.unwrap_or(DEFAULT_NAMESPACE), name)
    } else {
        ObjectRef::cluster(kind, name)
    })
}

/// With the namespace it has in effect, as the API server would see to.
fn scoped(mut object: Value, kind: &Kind) -> Value {
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        if kind.namespaced {
            metadata.entry("namespace").or_insert_with(|| DEFAULT_NAMESPACE.into());
        } else {
            metadata.remove("namespace");
        }
    }
    object
}
