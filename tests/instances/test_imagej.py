"""ROI files opened by ImageJ itself. Skipped without a JDK, or without ij.jar, which the Debian package imagej has."""

import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from test_outline_files import HARD, noise

from ris_tf.instances import imagej
from ris_tf.instances.labels import Instances
from ris_tf.instances.outlines import outlined

pytest.importorskip("roifile")
JAR = Path(os.environ.get("IJ_JAR", "/usr/share/java/ij.jar"))
MEASURE = """
import ij.*; import ij.gui.*; import ij.io.*; import ij.process.*; import java.io.*; import java.util.zip.*;
public class Measure {
  public static void main(String[] arguments) throws Exception {
    for (int i = 0; i < arguments.length; i += 3) {
      int width = Integer.parseInt(arguments[i + 1]), height = Integer.parseInt(arguments[i + 2]);
      ZipInputStream zip = new ZipInputStream(new FileInputStream(arguments[i]));
      for (ZipEntry entry; (entry = zip.getNextEntry()) != null;) {
        Roi roi = new RoiDecoder(zip.readAllBytes(), entry.getName()).getRoi();
        ImagePlus image = new ImagePlus("", new ByteProcessor(width, height));
        image.setRoi(roi);
        System.out.print(roi.getName() + " " + image.getStatistics(ij.measure.Measurements.AREA).area + " ");
        for (int y = 0; y < height; y++) for (int x = 0; x < width; x++) System.out.print(roi.contains(x, y) ? 1 : 0);
        System.out.println();
      }
    }
  }
}
"""


@pytest.mark.slow
def test_imagej_measures_the_same_areas_and_pixels(tmp_path):
    if not shutil.which("javac") or not JAR.is_file():
        pytest.skip(f"no JDK, or no ImageJ at {JAR}; set IJ_JAR")
    far = np.zeros((3, 70_000), bool)  # beyond what the 16 bits of a plain region hold
    far[:, 40_000:40_005], far[1, 69_000:69_004], far[0, 69_001] = True, True, True
    maps = [*(mask.astype(np.int32) for mask in HARD.values()), *(noise(seed).astype(np.int32) for seed in range(30))]
    maps += [np.where(far, np.where(np.arange(70_000) > 50_000, 2, 1), 0)]
    arguments = []
    for number, labels in enumerate(maps):
        file = tmp_path / f"{number}.zip"
        imagej.write(file, outlined(Instances(labels, np.ones(labels.max()))))
        arguments += [file, labels.shape[1], labels.shape[0]]
    (tmp_path / "Measure.java").write_text(MEASURE)
    command = ["java", "-Djava.awt.headless=true", "-cp", JAR, tmp_path / "Measure.java", *map(str, arguments)]
    lines = iter(subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines())
    for labels in maps:
        for value in range(1, labels.max() + 1):
            name, area, pixels = next(lines).split()
            assert name == f"{value:04d}" and float(area) == (labels == value).sum()
            inside = np.array(list(pixels)).reshape(labels.shape) == "1"
            np.testing.assert_array_equal(inside, labels == value)
    assert next(lines, None) is None
