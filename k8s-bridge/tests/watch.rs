//! A folder edited while it is watched. Every wait is for a state, with a deadline.

use std::{fs, os::unix::fs::symlink, path::Path, time::Duration};

use k8s_bridge::manifest::{Loaded, ManifestWatch, watch};
use tokio::sync::watch::Receiver;

fn peer(name: &str, asn: u32) -> String {
    format!(
        "apiVersion: bgp.miloapis.com/v1alpha1\nkind: BGPExternalPeer\nmetadata: {{name: {name}}}\nspec: {{address: 192.0.2.1, asNumber: {asn}}}\n"
    )
}

struct Watched {
    _watch: ManifestWatch,
    state: Receiver<Loaded>,
}

impl Watched {
    fn new(dir: &Path) -> Self {
        let watch = watch(dir).expect("inotify is there");
        let state = watch.state();
        Self { _watch: watch, state }
    }

    /// Waits until the state, written as `name=asn`, `!` behind what is retained, and `errors` counted.
    async fn until(&mut self, objects: &str, errors: usize) -> Loaded {
        let show = |loaded: &Loaded| {
            let mut all: Vec<_> = loaded
                .objects
                .iter()
                .map(|s| match &*s.object {
                    k8s_bridge::Object::ExternalPeer(p) => {
                        let mark = if s.retained { "!" } else { "" };
                        format!("{}={}{mark}", s.object.key().name, p.spec.as_number)
                    }
                    other => panic!("{other:?}"),
                })
                .collect();
            all.sort();
            all.join(" ")
        };
        let wanted = |loaded: &Loaded| show(loaded) == objects && loaded.errors.len() == errors;
        let waited = tokio::time::timeout(Duration::from_secs(20), self.state.wait_for(wanted));
        if let Ok(state) = waited.await {
            return state.expect("the task runs").clone();
        }
        let last = self.state.borrow();
        let (have, told) = (show(&last), &last.errors);
        panic!("wanted {objects} with {errors} errors, have {have} with {told:?}")
    }
}

#[tokio::test]
async fn edits_apply_and_broken_files_keep_their_last_good_objects() {
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str| dir.path().join(name);
    fs::write(file("a.yaml"), peer("a", 1)).unwrap();
    let mut watched = Watched::new(dir.path());
    watched.until("a=1", 0).await;

    fs::write(file("a.yaml"), peer("a", 2)).unwrap();
    watched.until("a=2", 0).await;

    fs::write(file("b.yml"), format!("{}---\n{}", peer("b", 1), peer("c", 1))).unwrap();
    watched.until("a=2 b=1 c=1", 0).await;

    // One document of two is wrong: the other still changes.
    fs::write(file("b.yml"), format!("{}---\n{}", peer("b", 0), peer("c", 2))).unwrap();
    let state = watched.until("a=2 b=1! c=2", 1).await;
    assert_eq!(
        state.errors[0].to_string(),
        "b.yml, document 1, line 4: BGPExternalPeer b: spec.asNumber: 0 is out of range; expected 1 to 4294967295"
    );

    // Not YAML at all: both stay.
    fs::write(file("b.yml"), "{{{").unwrap();
    watched.until("a=2 b=1! c=2!", 1).await;

    fs::write(file("b.yml"), peer("c", 3)).unwrap();
    watched.until("a=2 c=3", 0).await;

    fs::remove_file(file("a.yaml")).unwrap();
    watched.until("c=3", 0).await;
}

#[tokio::test]
async fn editors_that_write_beside_and_rename() {
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str| dir.path().join(name);
    fs::write(file("a.yaml"), peer("a", 1)).unwrap();
    let mut watched = Watched::new(dir.path());
    // A temporary file, renamed over the old one.
    fs::write(file("a.yaml.tmp"), peer("a", 2)).unwrap();
    fs::rename(file("a.yaml.tmp"), file("a.yaml")).unwrap();
    watched.until("a=2", 0).await;
    // The old one kept as backup, a new one created; swap files are not manifests.
    fs::write(file(".a.yaml.swp"), "x").unwrap();
    fs::rename(file("a.yaml"), file("a.yaml~")).unwrap();
    fs::write(file("a.yaml"), peer("a", 3)).unwrap();
    fs::remove_file(file("a.yaml~")).unwrap();
    watched.until("a=3", 0).await;
}

#[tokio::test]
async fn volumes_swapped_by_the_kubelet() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    fs::create_dir(at("..1")).unwrap();
    fs::write(at("..1").join("a.yaml"), peer("a", 1)).unwrap();
    symlink("..1", at("..data")).unwrap();
    symlink("..data/a.yaml", at("a.yaml")).unwrap();
    let mut watched = Watched::new(dir.path());
    watched.until("a=1", 0).await;

    fs::create_dir(at("..2")).unwrap();
    fs::write(at("..2").join("a.yaml"), peer("a", 2)).unwrap();
    symlink("..2", at("..data_tmp")).unwrap();
    fs::rename(at("..data_tmp"), at("..data")).unwrap();
    fs::remove_dir_all(at("..1")).unwrap();
    watched.until("a=2", 0).await;
}

#[tokio::test]
async fn a_folder_that_comes_goes_and_comes_again() {
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("manifests");
    let mut watched = Watched::new(&dir);
    watched.until("", 1).await;

    fs::create_dir(&dir).unwrap();
    fs::write(dir.join("a.yaml"), peer("a", 1)).unwrap();
    watched.until("a=1", 0).await;

    // Gone as a whole: what is running stays.
    fs::rename(&dir, parent.path().join("elsewhere")).unwrap();
    watched.until("a=1!", 1).await;

    fs::create_dir(&dir).unwrap();
    fs::write(dir.join("b.yaml"), peer("b", 1)).unwrap();
    watched.until("b=1", 0).await;
    fs::write(dir.join("b.yaml"), peer("b", 2)).unwrap();
    watched.until("b=2", 0).await;
}
