//! Films, sounds and pictures, made by ffmpeg and kept in `target/demo-media`: long enough that seeking matters.

use std::{
    fs,
    path::{Path, PathBuf},
};

use tiered_storage_tasks::{Outcome, host::Host};

use crate::DemoError;

/// A file, and the words that have ffmpeg make it.
#[derive(Debug)]
struct Recipe {
    name: &'static str,
    words: &'static str,
}

const RECIPES: [Recipe; 11] = [
    Recipe {
        name: "Films/Test pattern.mp4",
        words: "-f lavfi -i testsrc2=s=1280x720:r=24:d=90 -f lavfi -i \
                sine=f=220:beep_factor=4:d=90 -c:v libx264 -preset ultrafast -crf 21 -g 48 \
                -pix_fmt yuv420p -c:a aac -movflags +faststart",
    },
    Recipe {
        name: "Films/Drifting colours.webm",
        words: "-f lavfi -i gradients=s=960x540:n=6:seed=11:r=24:speed=0.02:d=60 -pix_fmt \
                yuv420p -c:v libvpx -deadline realtime -cpu-used 8 -b:v 2M",
    },
    Recipe {
        name: "Music/Fifths.m4a",
        words: "-f lavfi -i \
                aevalsrc=0.2*sin(220*2*PI*t)*exp(-mod(t\\,2))+0.2*sin(330*2*PI*t)*exp(-mod(t\\,1)):s=44100:d=240 \
                -c:a aac -b:a 160k",
    },
    Recipe {
        name: "Music/Long sweep.mp3",
        words: "-f lavfi -i aevalsrc=0.3*sin(2*PI*(110+t)*t):s=44100:d=180 -c:a libmp3lame \
                -b:a 128k",
    },
    Recipe {
        name: "Music/Uncompressed tone.wav",
        words: "-f lavfi -i sine=f=440:beep_factor=2:r=44100:d=180 -ac 2",
    },
    Recipe {
        name: "Pictures/Dawn.jpg",
        words: "-f lavfi -i \
                gradients=s=1600x1000:n=4:seed=3:c0=#f3d9b1:c1=#e8836b:c2=#6d597a:c3=#355070 \
                -frames:v 1 -q:v 2",
    },
    Recipe {
        name: "Pictures/Moss.jpg",
        words: "-f lavfi -i \
                gradients=s=1600x1000:n=4:seed=8:c0=#dfe6d3:c1=#7fa36b:c2=#33573f:c3=#12251e \
                -frames:v 1 -q:v 2",
    },
    Recipe {
        name: "Pictures/Harbour.png",
        words: "-f lavfi -i \
                gradients=s=1200x800:n=4:seed=21:c0=#f4efe3:c1=#7fc7b8:c2=#1f4e4a:c3=#0b2027 \
                -frames:v 1",
    },
    Recipe {
        name: "Pictures/Embers.webp",
        words: "-f lavfi -i \
                gradients=s=1600x1000:n=4:seed=34:c0=#fbe3a3:c1=#f2933e:c2=#a4261d:c3=#2b0b10 \
                -frames:v 1",
    },
    Recipe {
        name: "Pictures/Spiral.jpg",
        words: "-f lavfi -i \
                mandelbrot=s=1600x1000:start_scale=0.012:start_x=-0.743643887:start_y=0.131825904:maxiter=1500 \
                -frames:v 1 -q:v 2",
    },
    Recipe {
        name: "Pictures/Valley.jpg",
        words: "-f lavfi -i \
                mandelbrot=s=1600x1000:start_scale=0.03:start_x=-0.761574:start_y=-0.0847596:maxiter=1200 \
                -frames:v 1 -q:v 2",
    },
];

/// Makes what is not there yet; `None` where there is no ffmpeg and none can be installed.
pub(crate) fn folder(host: &Host) -> Result<Option<PathBuf>, DemoError> {
    let folder = host.root.join("target/demo-media");
    let missing: Vec<_> =
        RECIPES.iter().filter(|recipe| !folder.join(recipe.name).is_file()).collect();
    if missing.is_empty() {
        return Ok(Some(folder));
    }
    let has_program = || host.succeeds(host.command("ffmpeg").arg("-version"));
    if !has_program() {
        println!("ffmpeg is missing, which makes the films and sounds of the demo");
        if !host.install(&["ffmpeg"]) || !has_program() {
            println!("it cannot be installed here: the library will have no films and sounds");
            return Ok(None);
        }
    }
    println!("making {} films, sounds and pictures in target/demo-media", missing.len());
    for recipe in missing {
        make(host, &folder, recipe)?;
    }
    Ok(Some(folder))
}

fn make(host: &Host, folder: &Path, recipe: &Recipe) -> Result<(), DemoError> {
    let path = folder.join(recipe.name);
    let within = path.parent().expect("every recipe names a folder");
    fs::create_dir_all(within).map_err(|error| DemoError::Io(within.to_owned(), error))?;
    // One that was interrupted must not be taken for a whole one.
    let name = path.file_name().expect("every recipe names a file").to_string_lossy();
    let unfinished = path.with_file_name(format!("unfinished-{name}"));
    let mut ffmpeg = host.command("ffmpeg");
    ffmpeg.args(["-y", "-hide_banner", "-loglevel", "error", "-nostdin"]);
    ffmpeg.args(recipe.words.split_whitespace()).arg(&unfinished);
    if let Outcome::Failed(why) = host.run(&mut ffmpeg) {
        return Err(DemoError::Assets(format!("ffmpeg could not make {}: {why}", recipe.name)));
    }
    fs::rename(&unfinished, &path).map_err(|error| DemoError::Io(path, error))
}
