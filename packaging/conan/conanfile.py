"""Recipe of the tree that it lies in, for Conan 2."""

import os

from conan import ConanFile
from conan.tools.cmake import CMake, CMakeToolchain, cmake_layout
from conan.tools.files import copy


class Attnpool(ConanFile):
    name = "attnpool"
    version = "0.2.0"
    license = "MIT"
    description = "Attention pooling and Nadaraya-Watson kernel regression on CPUs"
    settings = "os", "arch", "compiler", "build_type"
    options = {"shared": [True, False], "fPIC": [True, False]}
    default_options = {"shared": False, "fPIC": True}
    requires = "xsimd/[>=9]"

    def export_sources(self):
        root = os.path.join(self.recipe_folder, "..", "..")
        for pattern in ("CMakeLists.txt", "LICENSE", "include/*", "src/*", "simd/*", "tools/package/*"):
            copy(self, pattern, src=root, dst=self.export_sources_folder)

    def layout(self):
        cmake_layout(self)

    def generate(self):
        toolchain = CMakeToolchain(self)
        toolchain.variables.update(
            {"ATTNPOOL_TOOLS": False, "ATTNPOOL_TESTS": False, "ATTNPOOL_BENCH": False, "ATTNPOOL_INSTALL": True}
        )
        toolchain.generate()

    def build(self):
        cmake = CMake(self)
        cmake.configure()
        cmake.build()

    def package(self):
        CMake(self).install()

    def package_info(self):
        self.cpp_info.libs = ["attnpool"]
        self.cpp_info.set_property("cmake_file_name", "attnpool")
        self.cpp_info.set_property("cmake_target_name", "attnpool::attnpool")
