# cmake --install: headers, library, program, CMake package and pkg-config file. Everything is relocatable.
include(CMakePackageConfigHelpers)

install(TARGETS attnpool EXPORT attnpool-targets
        ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT development
        LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT runtime NAMELINK_COMPONENT development
        RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT runtime)
install(DIRECTORY include/attnpool DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT development)
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT runtime)
if(TARGET attnpool_program)
  install(TARGETS attnpool_program DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT runtime)
  install(FILES tools/program/share/attnpool.bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME attnpool
          COMPONENT runtime)
  install(FILES tools/program/share/attnpool.zsh DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions RENAME _attnpool
          COMPONENT runtime)
  if(TARGET attnpool_man)
    install(DIRECTORY ${PROJECT_BINARY_DIR}/tools/man/ DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 COMPONENT runtime)
  endif()
  # An installed program finds a shared library beside it, wherever the two were moved.
  file(RELATIVE_PATH bin_to_lib ${CMAKE_INSTALL_FULL_BINDIR} ${CMAKE_INSTALL_FULL_LIBDIR})
  set_target_properties(attnpool_program PROPERTIES INSTALL_RPATH "$ORIGIN/${bin_to_lib}")
endif()

# A distribution installs both kinds. The archive has the objects of the shared library, which can go anywhere; CMake's package
# and pkg-config's file (--static) are the shared library's.
option(ATTNPOOL_INSTALL_ARCHIVE "Install an archive beside the shared library" OFF)
get_target_property(library_type attnpool TYPE)
if(ATTNPOOL_INSTALL_ARCHIVE AND library_type STREQUAL "SHARED_LIBRARY")
  get_property(isas GLOBAL PROPERTY ATTNPOOL_ISAS)
  list(TRANSFORM isas REPLACE "(.+)" "$<TARGET_OBJECTS:attnpool_\\1>" OUTPUT_VARIABLE isa_objects)
  add_library(attnpool_archive STATIC $<TARGET_OBJECTS:attnpool> ${isa_objects})
  set_target_properties(attnpool_archive PROPERTIES OUTPUT_NAME attnpool LINKER_LANGUAGE CXX)
  install(TARGETS attnpool_archive ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT development)
endif()

# find_package(attnpool CONFIG). Before 1.0 a minor version may break its users.
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/attnpool)
configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/attnpool-config.cmake.in ${PROJECT_BINARY_DIR}/attnpool-config.cmake
                              INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/attnpool-config-version.cmake COMPATIBILITY SameMinorVersion)
install(EXPORT attnpool-targets NAMESPACE attnpool:: DESTINATION ${package_dir} COMPONENT development)
install(FILES ${PROJECT_BINARY_DIR}/attnpool-config.cmake ${PROJECT_BINARY_DIR}/attnpool-config-version.cmake
        DESTINATION ${package_dir} COMPONENT development)

# pkg-config attnpool. The prefix is found from the place of the file itself, unless the library folder was given as an
# absolute path. The OpenMP runtime that an archive needs stands in Libs, so that a C++ user of the archive needs no --static.
if(IS_ABSOLUTE ${CMAKE_INSTALL_LIBDIR})
  set(pc_prefix ${CMAKE_INSTALL_PREFIX})
else()
  file(RELATIVE_PATH up ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
  string(REGEX REPLACE "/$" "" up ${up})
  set(pc_prefix "\${pcfiledir}/${up}")
endif()
foreach(dir LIBDIR INCLUDEDIR)
  cmake_path(ABSOLUTE_PATH CMAKE_INSTALL_${dir} BASE_DIRECTORY "\${prefix}" OUTPUT_VARIABLE pc_${dir})
endforeach()
set(pc_openmp)
foreach(name IN LISTS OpenMP_CXX_LIB_NAMES)
  # Debian's libomp is in a folder of its own version of LLVM, which only clang looks in, and only with -fopenmp.
  get_filename_component(folder ${OpenMP_${name}_LIBRARY} DIRECTORY)
  if(folder MATCHES "/llvm-")
    list(APPEND pc_openmp -L${folder})
  endif()
  list(APPEND pc_openmp -l${name})
endforeach()
list(JOIN pc_openmp " " pc_openmp)
set(pc_libs "")
set(pc_libs_private "${pc_openmp} -lstdc++ -lm")
if(library_type STREQUAL "STATIC_LIBRARY")
  set(pc_libs " ${pc_openmp}")
endif()
configure_file(${CMAKE_CURRENT_LIST_DIR}/attnpool.pc.in ${PROJECT_BINARY_DIR}/attnpool.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/attnpool.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT development)
