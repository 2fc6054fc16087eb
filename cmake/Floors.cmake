# The floors of ARCHITECTURE.md, enforced.
#
#   vedette_module(kql FLOOR 2 DEPS base LIBS fmt::fmt [TEST_LIBS ...] [TEST_DEPS ...])
#
# makes, from the sources in the calling folder:
#   vedette_<name>        static library of every *.cc that is not a test
#   <name>_test           one GoogleTest program of every *_test.cc, registered with CTest
# SMALL says that its code runs now and then, and should rather be small than fast: the agent's
# program has to fit on small devices.
# SERIAL says that the tests watch the whole machine and want it to themselves.
# DEPS are modules and must stand on a strictly lower floor; TEST_DEPS are further modules that only
# the tests use, lower too. A module in a sub-folder has its own call and an underscore in its name
# (src/hub/listen -> hub_listen). GENERATED lists further sources made at build time.
# SUBDIRS lists sub-folders whose sources belong to the same module.

# Everything that is generated at build time: what a linter needs before it can read the sources.
add_custom_target(generated)

function(vedette_floor_of name out)
  get_property(floor GLOBAL PROPERTY VEDETTE_FLOOR_${name})
  if(NOT floor AND NOT floor STREQUAL "0")
    message(FATAL_ERROR "module '${name}' is not known (yet): src/CMakeLists.txt lists modules "
                        "lowest floor first, and a module may only depend on lower floors")
  endif()
  set(${out} ${floor} PARENT_SCOPE)
endfunction()

function(vedette_module name)
  cmake_parse_arguments(M "SERIAL;SMALL" "FLOOR" "DEPS;LIBS;GENERATED;SUBDIRS;TEST_DEPS;TEST_LIBS" ${ARGN})
  if(M_UNPARSED_ARGUMENTS OR NOT DEFINED M_FLOOR)
    message(FATAL_ERROR "vedette_module(${name}): FLOOR is missing, or unknown: ${M_UNPARSED_ARGUMENTS}")
  endif()
  set_property(GLOBAL PROPERTY VEDETTE_FLOOR_${name} ${M_FLOOR})
  foreach(dep IN LISTS M_DEPS M_TEST_DEPS)
    vedette_floor_of(${dep} dep_floor)
    if(NOT dep_floor VERSION_LESS M_FLOOR)
      message(FATAL_ERROR "floors: '${name}' (floor ${M_FLOOR}) may not depend on '${dep}' (floor "
                          "${dep_floor}); dependencies go strictly down, see ARCHITECTURE.md")
    endif()
  endforeach()
  # For scripts/check-includes: what the module may include.
  file(RELATIVE_PATH folder ${CMAKE_SOURCE_DIR}/src ${CMAKE_CURRENT_SOURCE_DIR})
  string(REPLACE ";" "," deps "${M_DEPS}")
  string(REPLACE ";" "," test_deps "${M_TEST_DEPS}")
  set_property(GLOBAL APPEND_STRING PROPERTY VEDETTE_MODULE_TABLE
    "${name}\t${folder}\t${M_FLOOR}\t${deps}\t${test_deps}\n")

  set(patterns *.cc)
  foreach(subdir IN LISTS M_SUBDIRS)
    list(APPEND patterns ${subdir}/*.cc)
  endforeach()
  list(TRANSFORM patterns PREPEND ${CMAKE_CURRENT_SOURCE_DIR}/)
  file(GLOB sources CONFIGURE_DEPENDS ${patterns})
  set(tests ${sources})
  list(FILTER sources EXCLUDE REGEX "_test\\.cc$")
  list(FILTER tests INCLUDE REGEX "_test\\.cc$")
  list(TRANSFORM M_DEPS PREPEND vedette_ OUTPUT_VARIABLE dep_targets)
  list(TRANSFORM M_TEST_DEPS PREPEND vedette_ OUTPUT_VARIABLE test_dep_targets)

  if(sources OR M_GENERATED)
    add_library(vedette_${name} STATIC ${sources} ${M_GENERATED})
    target_link_libraries(vedette_${name} PRIVATE vedette_flags PUBLIC ${dep_targets} ${M_LIBS})
    if(M_SMALL AND CMAKE_BUILD_TYPE STREQUAL "Release")
      target_compile_options(vedette_${name} PRIVATE -Os)
    endif()
    if(M_GENERATED)
      add_custom_target(vedette_${name}_generated DEPENDS ${M_GENERATED})
      add_dependencies(vedette_${name} vedette_${name}_generated)
      add_dependencies(generated vedette_${name}_generated)
    endif()
  else()
    add_library(vedette_${name} INTERFACE)
    target_link_libraries(vedette_${name} INTERFACE ${dep_targets} ${M_LIBS})
  endif()

  if(VEDETTE_TESTS AND tests)
    add_executable(${name}_test ${tests})
    target_link_libraries(${name}_test PRIVATE vedette_flags vedette_${name} ${test_dep_targets}
                          ${M_TEST_LIBS} GTest::gmock GTest::gtest_main)
    target_precompile_headers(${name}_test REUSE_FROM vedette_test_pch)
    # One CTest entry per program: a start costs more than most suites.
    add_test(NAME unit.${name} COMMAND ${name}_test --gtest_brief=1)
    # DuckDB's library is not built with ThreadSanitizer, which would misread its locks.
    set_tests_properties(unit.${name} PROPERTIES LABELS unit TIMEOUT 600
      ENVIRONMENT "VEDETTE_SOURCE_DIR=${CMAKE_SOURCE_DIR};ASAN_OPTIONS=detect_leaks=1:abort_on_error=0;TSAN_OPTIONS=detect_deadlocks=0:ignore_noninstrumented_modules=1")
    if(M_SERIAL)
      set_tests_properties(unit.${name} PROPERTIES RUN_SERIAL ON)
    endif()
  endif()
endfunction()

# Writes the module table that the include check reads; called after the last module.
function(vedette_write_module_table)
  get_property(table GLOBAL PROPERTY VEDETTE_MODULE_TABLE)
  file(WRITE ${CMAKE_BINARY_DIR}/modules.tsv "${table}")
endfunction()

# vedette_program(vedette-agent agent): a thin main in src/apps/<name>.cc over the named modules.
function(vedette_program name)
  add_executable(${name} ${CMAKE_CURRENT_SOURCE_DIR}/${name}.cc)
  list(TRANSFORM ARGN PREPEND vedette_ OUTPUT_VARIABLE targets)
  target_link_libraries(${name} PRIVATE vedette_flags ${targets})
endfunction()
