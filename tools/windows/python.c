/* python.exe for wine, also in virtual environments: Python's DLL does the work. */
#include <stdio.h>
#include <wchar.h>
#include <windows.h>

static wchar_t home[MAX_PATH];

/* The folder of the base installation: that in pyvenv.cfg above the program, else the program's own. */
static void find_home(void) {
    wchar_t path[MAX_PATH], line[MAX_PATH];
    GetModuleFileNameW(NULL, home, MAX_PATH);
    *wcsrchr(home, L'\\') = 0;
    swprintf(path, MAX_PATH, L"%ls\\..\\pyvenv.cfg", home);
    FILE *settings = _wfopen(path, L"r, ccs=UTF-8");
    while (settings && fgetws(line, MAX_PATH, settings))
        swscanf(line, L"home = %259l[^\r\n]", home);
    if (settings)
        fclose(settings);
}

int wmain(int count, wchar_t **arguments) {
    find_home();
    wchar_t library[MAX_PATH];
    swprintf(library, MAX_PATH, L"%ls\\" LIBRARY, home);
    HMODULE python = LoadLibraryExW(library, NULL, LOAD_WITH_ALTERED_SEARCH_PATH);
    if (!python) {
        fwprintf(stderr, L"cannot load %ls: error %lu\n", library, GetLastError());
        return 101;
    }
    return ((int (*)(int, wchar_t **))(void *)GetProcAddress(python, "Py_Main"))(count, arguments);
}
