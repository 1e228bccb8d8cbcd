//! Writing the bytes of one entry.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::PoisonError,
};

use super::{
    files::{sync_folder, write_at},
    index::Place,
    inner::{Call, Inner},
    object::Object,
    options::Durability,
    record::{chunk_crcs, object_footer, record},
    room::Room,
    stage::Draft,
};

/// What the body of an entry is made of.
#[derive(Clone, Copy, Debug)]
pub(super) enum Material<'a> {
    Bytes(&'a [u8]),
    /// A staged file that is to become the entry's object.
    Draft(&'a Draft, &'a Object),
    /// A file of parts that is to become the entry's object.
    Parts(&'a Path, &'a Object),
}

impl Material<'_> {
    pub(super) fn size_bytes(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Draft(_, object) | Self::Parts(_, object) => object.body_bytes,
        }
    }
}

/// Why an entry was not written, and the file that is left of it.
type Failed = (io::Error, Option<PathBuf>);

impl Inner {
    /// Writes an entry where it was given room, and answers where it is.
    pub(super) fn store(
        &self,
        call: &Call,
        line: &str,
        material: Material<'_>,
        room: &Room,
    ) -> Result<Place, Failed> {
        #[cfg(test)]
        self.faults.check().map_err(|error| (error, None))?;
        match (room, material) {
            (Room::Record(allotted, _), Material::Bytes(body)) => {
                let record = record(allotted.file.salt, call.generation, &call.key, line, body);
                let is_durable = self.settings.durability != Durability::Checkpoint;
                let written = allotted.file.write(&record, allotted.at);
                written
                    .and_then(|()| if is_durable { allotted.file.sync() } else { Ok(()) })
                    .map_err(|error| (error, None))?;
                Ok(Place::Segment { segment: allotted.segment, at: allotted.at })
            }
            (_, Material::Bytes(body)) => {
                let new = self.layout.draft(call.generation);
                self.write_object(call, line, body, &new)
                    .map_err(|error| (error, Some(new.clone())))?;
                self.place_object(call, &new)
                    .map_err(|(error, left)| (error, left.or(Some(new))))?;
                Ok(Place::Object)
            }
            (_, Material::Draft(draft, object)) => {
                self.end_object(call, line, object).map_err(|error| (error, None))?;
                let placed = self.place_object(call, &draft.path());
                if !matches!(placed, Err((_, None))) {
                    draft.settle();
                }
                placed.map(|()| Place::Object)
            }
            (_, Material::Parts(path, object)) => {
                self.end_object(call, line, object).map_err(|error| (error, None))?;
                self.place_object(call, path).map(|()| Place::Object)
            }
        }
    }

    fn write_object(&self, call: &Call, line: &str, body: &[u8], new: &Path) -> io::Result<()> {
        let (body_bytes, crcs) = (body.len() as u64, chunk_crcs(body));
        let footer = object_footer(call.generation, &call.key, line, body_bytes, &crcs);
        let mut file = File::create(new)?;
        file.write_all(body)?;
        file.write_all(&footer)?;
        self.sync_object(&file)
    }

    /// Makes an object of a file that holds a body.
    fn end_object(&self, call: &Call, line: &str, object: &Object) -> io::Result<()> {
        let Object { file, body_bytes, crcs } = object;
        let footer = object_footer(call.generation, &call.key, line, *body_bytes, crcs);
        write_at(file, &footer, *body_bytes)?;
        // An attempt that failed may have left a longer one.
        file.set_len(body_bytes + footer.len() as u64)?;
        self.sync_object(file)
    }

    fn sync_object(&self, file: &File) -> io::Result<()> {
        if self.settings.durability == Durability::Checkpoint { Ok(()) } else { file.sync_data() }
    }

    /// Gives the file of an object its name. A file is left, under that name, if only its durability is in doubt.
    fn place_object(&self, call: &Call, new: &Path) -> Result<(), Failed> {
        let path = self.layout.object(&call.key, call.generation);
        let folder = path.parent().expect("an object lies in a folder");
        self.make_shard(folder)
            .and_then(|()| fs::rename(new, &path))
            .map_err(|error| (error, None))?;
        if self.settings.durability == Durability::Full {
            sync_folder(folder).map_err(|error| (error, Some(path.clone())))?;
        }
        Ok(())
    }

    /// Makes a folder of objects, and that it is there durable, once.
    fn make_shard(&self, folder: &Path) -> io::Result<()> {
        let mut shards = self.shards.lock().unwrap_or_else(PoisonError::into_inner);
        if !shards.contains(folder) {
            fs::create_dir_all(folder)?;
            if self.settings.durability != Durability::Checkpoint {
                sync_folder(&self.layout.objects())?;
            }
            shards.insert(folder.to_path_buf());
        }
        Ok(())
    }
}
