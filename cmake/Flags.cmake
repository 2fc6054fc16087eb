# vedette_flags: what every target of ours compiles with. Third-party headers are SYSTEM and see none
# of the warnings.
add_library(vedette_flags INTERFACE)
target_include_directories(vedette_flags INTERFACE ${CMAKE_SOURCE_DIR}/src)
target_compile_options(vedette_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Wcast-qual -Wundef
  -Wimplicit-fallthrough -Werror
  -pthread # everywhere, as the precompiled test header must match its users
  $<$<COMPILE_LANGUAGE:CXX>:-Wnon-virtual-dtor -Wold-style-cast>
  -fno-omit-frame-pointer -ffile-prefix-map=${CMAKE_SOURCE_DIR}/=)

# Clang 19 hides std::expected from libstdc++ 12 unless concepts look recent enough.
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  # libstdc++ 12 calls what it deprecates itself (std::stable_sort); GCC still tells us of our own uses.
  target_compile_options(vedette_flags INTERFACE -Wno-missing-field-initializers -Wno-deprecated-declarations)
endif()

if(CMAKE_BUILD_TYPE STREQUAL "Release")
  set(CMAKE_CXX_FLAGS_RELEASE "-O2")
  set(CMAKE_C_FLAGS_RELEASE "-O2")
  target_compile_options(vedette_flags INTERFACE
    -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2 -fstack-protector-strong
    -fstack-clash-protection -ffunction-sections -fdata-sections)
  target_compile_definitions(vedette_flags INTERFACE _GLIBCXX_ASSERTIONS)
  target_link_options(vedette_flags INTERFACE -pie -Wl,-z,relro,-z,now,-z,noexecstack -Wl,--gc-sections
    -Wl,--as-needed)
endif()

if(VEDETTE_SANITIZE)
  target_compile_options(vedette_flags INTERFACE -fsanitize=${VEDETTE_SANITIZE} -fno-sanitize-recover=all)
  target_link_options(vedette_flags INTERFACE -fsanitize=${VEDETTE_SANITIZE})
endif()
if(VEDETTE_FUZZ)
  target_compile_options(vedette_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()
