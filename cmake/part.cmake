# library(NAME USES a b PKG x)  the static library lib/NAME, and one test program per *_test.c in it.
# program(NAME USES a b PKG x)  the same for src/NAME, whose NAME_main() the one binary calls.
# one_binary(NAME file)         the executable that links all programs.
# Every part may use base. A file's ending says its role: _test.c is a test program, _fuzz.c a fuzz
# target (preset fuzz), both stay out of the library. A test links its own part and what that names.
# A failed assertion ends its program: to jump out of a callback leaves the loop in pieces, and its end hangs.
set(CMAKE_C_STANDARD 17)
set(CMAKE_C_EXTENSIONS ON) # GNU: threads, sockets, attributes
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
add_compile_options(-Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla
                    -Wpointer-arith -Wno-missing-field-initializers -Werror -fvisibility=hidden)
add_compile_definitions(_GNU_SOURCE MILLRACE_VERSION="${PROJECT_VERSION}")
set(CMAKE_C_FLAGS_RELEASE "-O2 -g") # asserts stay: a program that is wrong stops, and says where
if(CMAKE_BUILD_TYPE STREQUAL "Release")
  add_compile_options(-fstack-protector-strong -D_FORTIFY_SOURCE=2 -fno-plt)
  add_link_options(-Wl,-z,relro,-z,now -pie)
  # A struct that is emptied or copied: "rep stos" takes longer to begin than all of it with plain stores.
  if(CMAKE_C_COMPILER_ID STREQUAL "GNU" AND CMAKE_SYSTEM_PROCESSOR STREQUAL "x86_64")
    add_compile_options(-mmemset-strategy=vector_loop:1024:noalign,libcall:-1:noalign
                        -mmemcpy-strategy=vector_loop:1024:noalign,libcall:-1:noalign)
  endif()
endif()

# Hundreds of test programs: linking them is half of a build, and mold takes a tenth of that.
include(CheckLinkerFlag)
find_program(MOLD mold)
if(MOLD)
  check_linker_flag(C -fuse-ld=mold CAN_USE_MOLD)
endif()
if(CAN_USE_MOLD)
  add_link_options(-fuse-ld=mold)
endif()

find_package(OpenSSL 3 REQUIRED)
find_package(SQLite3 REQUIRED)
find_package(CURL REQUIRED)
find_package(Threads REQUIRED)
# The others by name: several of their packages have no CMake or pkg-config file, or an incomplete one.
foreach(pkg z rdkafka uv yyjson llhttp wslay cjose jansson open62541 expat cmocka)
  find_library(${pkg}_LIBRARY ${pkg} REQUIRED)
  add_library(${pkg} INTERFACE)
  target_link_libraries(${pkg} INTERFACE ${${pkg}_LIBRARY})
endforeach()

enable_testing()
set_property(GLOBAL PROPERTY millrace_programs "")
option(MILLRACE_FUZZ "build fuzz targets (needs clang)" OFF)

function(part kind name)
  cmake_parse_arguments(A "" "" "USES;PKG" ${ARGN})
  set(dir ${CMAKE_SOURCE_DIR}/${kind}/${name})
  file(GLOB all CONFIGURE_DEPENDS ${dir}/*.c)
  set(tests ${all})
  set(fuzzers ${all})
  set(code ${all})
  list(FILTER tests INCLUDE REGEX "_test\\.c$")
  list(FILTER fuzzers INCLUDE REGEX "_fuzz\\.c$")
  list(FILTER code EXCLUDE REGEX "_(test|fuzz)\\.c$")
  if(NOT name STREQUAL base)
    list(APPEND A_USES base)
  endif()
  if(NOT code)
    add_library(${name} INTERFACE)
    target_include_directories(${name} INTERFACE ${CMAKE_SOURCE_DIR}/${kind})
    target_link_libraries(${name} INTERFACE ${A_USES} ${A_PKG})
    return()
  endif()
  add_library(${name} STATIC ${code})
  target_include_directories(${name} PUBLIC ${CMAKE_SOURCE_DIR}/${kind})
  target_link_libraries(${name} PUBLIC ${A_USES} Threads::Threads m PRIVATE ${A_PKG})
  if(MILLRACE_FUZZ)
    set(tests "")
  endif()
  foreach(t ${tests})
    get_filename_component(stem ${t} NAME_WE)
    add_executable(${name}_${stem} ${t})
    target_link_libraries(${name}_${stem} ${name} cmocka)
    add_test(NAME ${name}.${stem} COMMAND ${name}_${stem})
    set_tests_properties(${name}.${stem} PROPERTIES TIMEOUT 300 LABELS unit
                         ENVIRONMENT "MILLRACE_SOURCE=${CMAKE_SOURCE_DIR};CMOCKA_TEST_ABORT=1")
  endforeach()
  if(MILLRACE_FUZZ)
    foreach(f ${fuzzers})
      get_filename_component(stem ${f} NAME_WE)
      add_executable(fuzz_${name}_${stem} ${f})
      target_link_libraries(fuzz_${name}_${stem} ${name} -fsanitize=fuzzer)
    endforeach()
  endif()
  if(kind STREQUAL src)
    set_property(GLOBAL APPEND PROPERTY millrace_programs ${name})
  endif()
endfunction()

macro(library name)
  part(lib ${name} ${ARGN})
endmacro()

macro(program name)
  part(src ${name} ${ARGN})
endmacro()

function(one_binary name)
  get_property(programs GLOBAL PROPERTY millrace_programs)
  add_executable(${name} ${ARGN})
  target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR}/src)
  target_link_libraries(${name} base ${programs})
endfunction()
