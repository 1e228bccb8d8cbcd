//! Writing the bytes of one entry.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::PoisonError,
};

use super::{
    files::sync_folder,
    index::Place,
    inner::{Call, Inner},
    options::Durability,
    record::{object_footer, record},
    room::Room,
};

impl Inner {
    /// Writes an entry where it was given room. Answers where it is, or the file that is left.
    pub(super) fn store(
        &self,
        call: &Call,
        line: &str,
        body: &[u8],
        room: &Room,
    ) -> Result<Place, (io::Error, Option<PathBuf>)> {
        #[cfg(test)]
        self.faults.check().map_err(|error| (error, None))?;
        match room {
            Room::Record(allotted, _) => {
                let record = record(allotted.file.salt, call.generation, &call.key, line, body);
                let is_durable = self.settings.durability != Durability::Checkpoint;
                let written = allotted.file.write(&record, allotted.at);
                written
                    .and_then(|()| if is_durable { allotted.file.sync() } else { Ok(()) })
                    .map_err(|error| (error, None))?;
                Ok(Place::Segment { segment: allotted.segment, at: allotted.at })
            }
            Room::Object(_) => {
                let new = self.layout.unfinished().join(format!("{:016x}", call.generation));
                match self.store_object(call, line, body, &new) {
                    Ok(()) => Ok(Place::Object),
                    Err(error) => Err((error, Some(new))),
                }
            }
        }
    }

    fn store_object(&self, call: &Call, line: &str, body: &[u8], new: &Path) -> io::Result<()> {
        let footer = object_footer(call.generation, &call.key, line, body);
        let mut file = File::create(new)?;
        file.write_all(body)?;
        file.write_all(&footer)?;
        if self.settings.durability != Durability::Checkpoint {
            file.sync_data()?;
        }
        drop(file);
        let path = self.layout.object(&call.key, call.generation);
        let folder = path.parent().expect("an object lies in a folder");
        self.make_shard(folder)?;
        fs::rename(new, &path)?;
        if self.settings.durability == Durability::Full {
            sync_folder(folder)?;
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
