"""Images to run on: the shipped photograph, varied, in memory, in JPEG files and in a video."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from scmnet_zoo.images import example_photo, read_image

COUNT = 4  # different ones
VIDEO_FRAMES = 32
QUALITY = 90  # of the JPEG files
GRAIN = 4.0  # standard deviation of the noise, as of a camera


@dataclass(frozen=True)
class Files:
    """Images of one size in files.

    Attributes:
        photos: JPEG.
        video: MPEG-4; None where OpenCV is not installed.
    """

    photos: tuple[Path, ...]
    video: Path | None


def frames(size: tuple[int, int], count: int = COUNT) -> list[np.ndarray]:
    """The shipped photograph at a size, mirrored, shifted and under noise.

    Args:
        size: (height, width).
        count: how many.

    Returns:
        Different uint8 arrays `(1, height, width, 3)`.
    """
    photo = Image.fromarray(read_image(example_photo()))
    pixels = np.asarray(photo.resize(size[::-1], Image.Resampling.BILINEAR), np.int16)
    rng = np.random.default_rng(0)
    noise = np.rint(GRAIN * rng.standard_normal(pixels.shape, np.float32)).astype(np.int16)
    made = []
    for number in range(count):
        one = pixels[:, :: -1 if number % 2 else 1]
        one = np.roll(one, number * size[1] // 16, axis=1) + np.roll(noise, number, axis=0)
        made.append(np.clip(one, 0, 255).astype(np.uint8)[None])
    return made


def write_files(folder: Path, size: tuple[int, int]) -> Files:
    """Write the images as JPEG files and, with OpenCV, as a video."""
    photos = []
    for number, image in enumerate(frames(size)):
        path = folder / f"{size[0]}x{size[1]}_{number}.jpg"
        Image.fromarray(image[0]).save(path, quality=QUALITY)
        photos.append(path)
    return Files(tuple(photos), _write_video(folder, size))


def _write_video(folder: Path, size: tuple[int, int]) -> Path | None:
    try:
        import cv2
    except ImportError:
        return None
    path = folder / f"{size[0]}x{size[1]}.mp4"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 25, size[::-1])
    images = frames(size)
    for number in range(VIDEO_FRAMES):
        shifted = np.roll(images[0][0], 8 * number, axis=1)
        writer.write(np.ascontiguousarray(shifted[..., ::-1]))
    writer.release()
    return path


def read_photos(paths: tuple[Path, ...]) -> Iterator[np.ndarray]:
    """The photographs again and again, each read from its file: uint8 `(1, h, w, 3)`."""
    while True:
        for path in paths:
            yield read_image(path)[None]


def read_video(path: Path) -> Iterator[np.ndarray]:
    """The frames of a video again and again, by OpenCV: uint8 `(1, height, width, 3)`, RGB.

    Raises:
        ValueError: it cannot be read.
    """
    import cv2

    while True:
        video = cv2.VideoCapture(str(path))
        read, image = video.read()
        if not read:
            raise ValueError(f"{path}: expected a video. Received: another or a damaged file")
        while read:
            yield cv2.cvtColor(image, cv2.COLOR_BGR2RGB)[None]
            read, image = video.read()
        video.release()
